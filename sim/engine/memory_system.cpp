#include "sim/engine/memory_system.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "sim/base/diagnostics.h"
#include "sim/engine/unit_module.h"

namespace perfwatt {

namespace {

std::size_t link_index(const std::vector<std::unique_ptr<LinkModel>>& links,
                       const std::string& name) {
    const auto found = std::find_if(links.begin(), links.end(),
                                    [&](const auto& link) { return link->name() == name; });
    PERFWATT_CHECK(found != links.end(), "a memory is attached by way of no link named " + name);
    return static_cast<std::size_t>(found - links.begin());
}

}  // namespace

MemorySystem::MemorySystem(const sc_core::sc_module_name& name, SimulationContext& context,
                           const std::vector<std::unique_ptr<LinkModel>>& links,
                           const std::vector<PlatformMemory>& memories)
    : sc_module(name), socket("socket"), context_(context), links_(links.size()) {
    for (std::size_t i = 0; i < links.size(); ++i) {
        links_[i].model = links[i].get();
        links_[i].record.name = links[i]->name();
        links_[i].record.peak_bytes_per_second = links[i]->peak_bytes_per_second();
    }
    for (const PlatformMemory& attached : memories) {
        Memory& memory = memories_.emplace_back();
        memory.model = attached.model.get();
        memory.peak_bytes_per_second = memory.model->report().peak_bytes_per_second;
        PERFWATT_CHECK(memory.peak_bytes_per_second > 0, "a memory has no bandwidth");
        for (const std::string& via : attached.attachment.via) {
            memory.record.via.push_back(link_index(links, via));
            memory.latency += links[memory.record.via.back()]->latency();
        }
    }
    socket.register_nb_transport_fw(this, &MemorySystem::on_request);
    SC_HAS_PROCESS(MemorySystem);
    SC_METHOD(on_event);
    sensitive << event_;
    dont_initialize();
}

tlm::tlm_sync_enum MemorySystem::on_request(int socket_id, tlm::tlm_generic_payload& payload,
                                            tlm::tlm_phase& phase, sc_core::sc_time& delay) {
    PERFWATT_CHECK(phase == tlm::BEGIN_REQ, "the memory system takes requests only");
    const PieceExtension* piece = payload.get_extension<PieceExtension>();
    PERFWATT_CHECK(
        piece != nullptr && piece->memory.valid() && piece->memory.index() < memories_.size(),
        "a request for no memory");
    if (free_flights_.empty()) {
        free_flights_.push_back(flights_.size());
        flights_.emplace_back();
    }
    const std::size_t id = free_flights_.back();
    free_flights_.pop_back();
    Memory& memory = memories_[piece->memory.index()];
    const Time now = sim_now();
    const Time ready = now + Time{static_cast<std::int64_t>(delay.value())};
    const Direction direction = payload.is_read() ? Direction::read : Direction::write;
    flights_[id] = {.payload = &payload,
                    .piece = piece,
                    .socket = static_cast<std::size_t>(socket_id),
                    .direction = direction,
                    .stage = Stage::to_memory,
                    .links_done = 0,
                    .passage = {piece->head, ready}};
    std::int64_t& asked = direction == Direction::read ? memory.record.traffic.asked_read_bytes
                                                       : memory.record.traffic.asked_write_bytes;
    asked += static_cast<std::int64_t>(payload.get_data_length());
    ++memory.record.traffic.sent_requests;
    // A read's request is small: it crosses the links in their latency. A write's data cross them
    // one after another.
    schedule(id, direction == Direction::read ? ready + memory.latency : ready);
    if (!acting_) {
        event_.notify(sc_core::SC_ZERO_TIME);
    }
    phase = tlm::END_REQ;
    return tlm::TLM_UPDATED;
}

void MemorySystem::DueQueue::push(const Due& due) {
    if (size_ == ring_.size()) {
        std::vector<Due> larger(2 * ring_.size());
        for (std::size_t i = 0; i < size_; ++i) {
            larger[i] = at(i);
        }
        ring_ = std::move(larger);
        begin_ = 0;
    }
    std::size_t i = 0;
    if (size_ > 0 && at(size_ / 2) > due) {
        --begin_;
        ++size_;
        for (; i + 1 < size_ && due > at(i + 1); ++i) {
            at(i) = at(i + 1);
        }
    } else {
        for (i = size_++; i > 0 && at(i - 1) > due; --i) {
            at(i) = at(i - 1);
        }
    }
    at(i) = due;
}

void MemorySystem::schedule(std::size_t id, Time at) {
    const PieceExtension& piece = *flights_[id].piece;
    due_.push({.at = at, .master = piece.master, .sequence = piece.sequence, .flight = id});
}

void MemorySystem::on_event() {
    if (context_.failure) {
        return;
    }
    try {
        acting_ = true;
        act(sim_now());
    } catch (...) {
        context_.fail();
    }
    acting_ = false;
}

void MemorySystem::act(Time now) {
    local_ = now;
    masters_heard_ = true;
    Time others = Time::max();
    while (true) {
        if (masters_heard_) {
            // Only an answer makes others act before the kernel goes on.
            masters_heard_ = false;
            if (sc_core::sc_pending_activity_at_current_time()) {
                PERFWATT_CHECK(local_ == now, "a master acted at once on an answer given early");
                event_.notify(sc_core::SC_ZERO_TIME);  // others first
                return;
            }
            others = Time::max();
            if (sc_core::sc_pending_activity_at_future_time()) {
                const auto wait = sc_core::sc_time_to_pending_activity().value();
                others = now + Time{static_cast<std::int64_t>(wait)};
            }
        }
        if (!serve(now)) {
            wake_at(local_, now);
            return;
        }
        if (masters_heard_) {
            continue;
        }
        run_ahead(others);
        const Time next = next_due();
        if (next >= others || next == Time::max()) {
            const bool busy = std::any_of(memories_.begin(), memories_.end(),
                                          [](const Memory& memory) { return memory.busy(); });
            wake_at(busy ? others : next, now);
            return;
        }
        local_ = next;
    }
}

void MemorySystem::wake_at(Time at, Time now) {
    if (at == Time::max()) {
        at = local_;  // the kernel's time has to follow
    }
    if (at > now) {
        event_.notify(to_sc_time(at - now));
    }
}

bool MemorySystem::answers(const Flight& flight) const {
    if (flight.stage != Stage::to_master) {
        return false;
    }
    const Memory& memory = memories_[flight.piece->memory.index()];
    return flight.direction == Direction::write || flight.links_done == memory.record.via.size();
}

bool MemorySystem::serve(Time now) {
    while (next_due() <= local_) {
        const std::size_t id = due_.front().flight;
        const Flight& flight = flights_[id];
        if (local_ > now && !flight.piece->takes_early_answer && answers(flight)) {
            return false;
        }
        due_.pop();
        move_on(id, now);
    }
    return true;
}

void MemorySystem::move_on(std::size_t id, Time now) {
    Flight& flight = flights_[id];
    const Memory& memory = memories_[flight.piece->memory.index()];
    const bool is_write = flight.direction == Direction::write;
    // A write's data cross the links on the way there, a read's on the way back.
    const bool data_travel = is_write == (flight.stage == Stage::to_memory);
    if (data_travel && flight.links_done < memory.record.via.size()) {
        cross_link(flight);
        schedule(id, flight.passage.tail);
    } else if (flight.stage == Stage::to_memory) {
        submit(id);
    } else {
        answer(id, now);
    }
}

void MemorySystem::cross_link(Flight& flight) {
    const Memory& memory = memories_[flight.piece->memory.index()];
    const bool outward = flight.direction == Direction::write;
    const std::size_t hop =
        outward ? flight.links_done : memory.record.via.size() - 1 - flight.links_done;
    Link& link = links_[memory.record.via[hop]];
    const auto bytes = static_cast<std::int64_t>(flight.payload->get_data_length());
    const Crossing crossing = link.model->send(flight.direction, flight.passage, bytes);
    const auto way = static_cast<std::size_t>(flight.direction);
    link.record.busy[way].add_interval(crossing.busy_from, crossing.busy_to);
    link.record.bytes[way] += bytes;
    const int layer = flight.piece->layer;
    link.model->count(bytes, layer >= 0 ? layer : context_.shared_row(), link.actions,
                      context_.counts);
    flight.passage = crossing.arrival;
    ++flight.links_done;
}

void MemorySystem::submit(std::size_t id) {
    Flight& flight = flights_[id];
    const PieceExtension& piece = *flight.piece;
    Memory& memory = memories_[piece.memory.index()];
    PERFWATT_CHECK(memory.advanced_to <= local_, "a memory model ran past a request");
    if (!memory.busy()) {
        memory.advanced_to = local_;
        memory.record.busy.add_point(local_, memory.model->data_bus_busy(local_));
    }
    ++memory.in_flight;
    flight.stage = Stage::in_memory;
    if (piece.job != nullptr) {
        flight.links_done = memory.record.via.size();  // that it is done is a word, not data
        memory.model->submit_job(local_, {.kernel = *piece.job, .layer = piece.layer, .id = id});
        return;
    }
    flight.links_done = 0;
    memory.model->submit(local_,
                         {.address = static_cast<std::int64_t>(flight.payload->get_address()),
                          .row_bytes = piece.row_bytes,
                          .rows = piece.rows,
                          .pitch_bytes = piece.pitch_bytes,
                          .direction = flight.direction,
                          .layer = piece.layer,
                          .master = piece.master,
                          .id = id});
}

void MemorySystem::answer(std::size_t id, Time now) {
    masters_heard_ = true;
    const Flight flight = flights_[id];
    free_flights_.push_back(id);
    // The extension belongs to the payload, which is the master's and not constant to it.
    auto& piece = *flight.payload->get_extension<PieceExtension>();
    piece.head = flight.passage.head;
    flight.payload->set_response_status(tlm::TLM_OK_RESPONSE);
    tlm::tlm_phase phase = tlm::BEGIN_RESP;
    sc_core::sc_time delay = to_sc_time(local_ - now);
    const auto status =
        socket[static_cast<int>(flight.socket)]->nb_transport_bw(*flight.payload, phase, delay);
    PERFWATT_CHECK(status == tlm::TLM_COMPLETED, "a master did not take its answer");
}

void MemorySystem::advance(Memory& memory, Time limit) {
    completions_.clear();
    const Time reached = memory.model->advance_to_completion(limit, completions_);
    for (const MemoryCompletion& completion : completions_) {
        PERFWATT_CHECK(completion.at >= reached && completion.at > memory.advanced_to,
                       fmt::format("memory {} answers for {} fs when {} fs have passed",
                                   memory.model->report().name, completion.at.fs,
                                   std::max(reached, memory.advanced_to).fs));
        Flight& flight = flights_.at(completion.id);
        PERFWATT_CHECK(flight.stage == Stage::in_memory, "a request is answered twice");
        flight.stage = Stage::to_master;
        ++memory.record.traffic.answered_requests;
        memory.settles = std::max(memory.settles, completion.at);
        --memory.in_flight;
        Time at = completion.at;
        if (flight.direction == Direction::write) {
            at += memory.latency;  // the acknowledgement is small
        } else {
            // No faster than the memory's peak, and not before it was asked.
            const auto bytes = static_cast<std::int64_t>(flight.payload->get_data_length());
            if (bytes != memory.piece_bytes) {
                memory.piece_bytes = bytes;
                memory.piece_time = transfer_time(bytes, memory.peak_bytes_per_second);
            }
            flight.passage = {completion.at - memory.piece_time, completion.at};
        }
        schedule(completion.id, at);
    }
    PERFWATT_CHECK(reached > memory.advanced_to, "a memory model makes no progress");
    memory.advanced_to = reached;
    memory.record.busy.add_point(reached, memory.model->data_bus_busy(reached));
}

Time MemorySystem::common_limit(Time others) const {
    Time limit = std::min(others, next_due());
    if (memories_.size() == 1) {
        return limit;
    }
    const auto busy = std::count_if(memories_.begin(), memories_.end(),
                                    [](const Memory& memory) { return memory.busy(); });
    for (const Memory& memory : memories_) {
        // Of several, none may pass the completion that another is about to find.
        if (busy > 1 && memory.in_flight > 0) {
            limit = std::min(limit, memory.model->next_completion_bound());
        }
    }
    return limit;
}

void MemorySystem::run_ahead(Time others) {
    bool further = true;
    while (further) {
        const Time limit = common_limit(others);
        further = false;
        for (Memory& memory : memories_) {
            if (memory.busy() && memory.advanced_to < limit) {
                advance(memory, limit);
                further = true;
            }
        }
    }
}

}  // namespace perfwatt
