#include "sim/engine/dma_engine.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/base/diagnostics.h"

namespace perfwatt {

DmaEngine::DmaEngine(const sc_core::sc_module_name& name, UnitId unit, SimulationContext& context,
                     const std::vector<MemoryAttachment>& memories)
    : UnitModule(name, unit, context),
      socket("socket"),
      memories_(memories),
      port_(context.device_of(unit).dma_port()),
      in_flight_(memories.size(), 0),
      pieces_left_(context.program.commands.size(), 0) {
    socket.register_nb_transport_bw(this, &DmaEngine::on_response);
}

bool DmaEngine::take_command(Time now) {
    const CommandId head = ready_head();
    takes_commands_ = !head.valid();
    if (takes_commands_) {
        return false;
    }
    const auto& work = context_.command(head).work;
    const auto* load = std::get_if<Load>(&work);
    const auto* store = std::get_if<Store>(&work);
    PERFWATT_CHECK(
        load != nullptr || store != nullptr,
        fmt::format("command {} is no transfer, {} does nothing else", head.value, this->name()));
    const Region& region = load != nullptr ? load->source : store->target;
    start(head, now);
    current_.emplace(
        Current{.command = head,
                .region = region,
                .buffer = load != nullptr ? load->target : store->source,
                .is_read = load != nullptr,
                .first_request = now + port_.setup,
                .cutter = PieceCutter(region, memories_[region.memory.index()].transaction_bytes)});
    pieces_left_[head.index()] = 1;  // the command itself, until its last piece is sent
    return true;
}

void DmaEngine::send_pieces(Time now) {
    while (current_ || take_command(now)) {
        if (now < current_->first_request) {
            act_at(current_->first_request);
            return;
        }
        const std::size_t memory = current_->region.memory.index();
        while (!current_->cutter.done()) {
            if (in_flight_[memory] == memories_[memory].outstanding) {
                return;
            }
            send(now, current_->cutter.next());
        }
        --pieces_left_[current_->command.index()];  // never the last: its last piece is in flight
        current_.reset();
    }
}

Passage DmaEngine::through_port(Passage at, std::int64_t bytes) {
    if (port_.bytes_per_second == 0) {
        return at;
    }
    const Time needed = transfer_time(bytes, port_.bytes_per_second);
    const Time begin = std::max(at.head, port_free_);
    port_free_ = begin + needed;
    port_busy_.add_interval(begin, port_free_);
    return {begin, std::max(port_free_, at.tail)};
}

void DmaEngine::send(Time now, const Piece& piece) {
    PiecePayload& payload = pool_.take();
    PieceExtension& extension = payload.piece;
    payload.set_command(current_->is_read ? tlm::TLM_READ_COMMAND : tlm::TLM_WRITE_COMMAND);
    payload.set_address(static_cast<sc_dt::uint64>(piece.address));
    payload.set_data_length(static_cast<unsigned>(piece.bytes()));
    payload.set_streaming_width(static_cast<unsigned>(piece.bytes()));
    payload.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
    extension.memory = current_->region.memory;
    extension.row_bytes = piece.row_bytes;
    extension.rows = piece.rows;
    extension.pitch_bytes = piece.pitch_bytes;
    extension.layer = context_.command(current_->command).layer.value;
    extension.master = unit_.value;
    extension.sequence = sequence_++;
    extension.command = current_->command;
    // A buffer may be shorter than the transfer: one that fills it over and over, or none at all.
    const std::int64_t offset = std::min(piece.offset, current_->buffer.bytes);
    extension.part = {current_->buffer.address + offset,
                      std::min(piece.bytes(), current_->buffer.bytes - offset)};
    ++in_flight_[extension.memory.index()];
    ++pieces_left_[extension.command.index()];

    Passage departure{now, now};
    if (!current_->is_read) {
        departure = context_.scratchpad_of(unit_).transfer(now, extension.part, departure);
        departure = through_port(departure, piece.bytes());
    }
    extension.head = departure.head;
    // Others hear of the last piece's answer: its command ends.
    extension.takes_early_answer = !current_->cutter.done();
    tlm::tlm_phase phase = tlm::BEGIN_REQ;
    sc_core::sc_time delay = to_sc_time(departure.tail - sim_now());
    const tlm::tlm_sync_enum answer = socket->nb_transport_fw(payload, phase, delay);
    PERFWATT_CHECK(answer == tlm::TLM_UPDATED && phase == tlm::END_REQ,
                   "a request was not accepted");
}

void DmaEngine::complete(PiecePayload& payload, Time now) {
    const CommandId command = payload.piece.command;
    --in_flight_[payload.piece.memory.index()];
    payload.release();
    if (--pieces_left_[command.index()] == 0) {
        end(command, now);
    }
}

tlm::tlm_sync_enum DmaEngine::on_response(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase,
                                          sc_core::sc_time& delay) {
    auto& piece = static_cast<PiecePayload&>(payload);
    const bool early = delay > sc_core::SC_ZERO_TIME;
    PERFWATT_CHECK(phase == tlm::BEGIN_RESP && (!early || piece.piece.takes_early_answer) &&
                       payload.get_response_status() == tlm::TLM_OK_RESPONSE,
                   "an answer that no memory gives");
    const Time now = sim_now() + Time{static_cast<std::int64_t>(delay.value())};
    Passage arrival{piece.piece.head, now};
    if (payload.is_read()) {
        arrival = through_port(arrival, piece.piece.row_bytes * piece.piece.rows);
        arrival = context_.scratchpad_of(unit_).transfer(now, piece.piece.part, arrival);
    }
    // An early answer that ends its command after all, the later pieces being back already, waits
    // for its time.
    const bool ends = pieces_left_[piece.piece.command.index()] == 1;
    if (arrival.tail > now || (early && ends)) {
        landings_.push({arrival.tail, &piece});
        act_at(landings_.top().at);
        return tlm::TLM_COMPLETED;
    }
    complete(piece, now);
    send_pieces(now);
    return tlm::TLM_COMPLETED;
}

void DmaEngine::act(Time now) {
    while (!landings_.empty() && landings_.top().at <= now) {
        PiecePayload& payload = *landings_.top().payload;
        landings_.pop();
        complete(payload, now);
    }
    send_pieces(now);
    if (!landings_.empty()) {
        act_at(landings_.top().at);
    }
}

}  // namespace perfwatt
