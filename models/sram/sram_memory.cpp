#include "models/sram/sram_memory.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/base/diagnostics.h"
#include "sim/base/math.h"

namespace perfwatt::sram {
namespace {

constexpr ActionId kRead{0};
constexpr ActionId kWrite{1};

/// How long the spans of a bank, joined and in order, lie before `at`.
template <class Span>
Time busy_before(const std::vector<Span>& spans, Time at) {
    // It is mostly asked for the present: after the last has begun.
    const auto after = !spans.empty() && spans.back().from < at
                           ? spans.end()
                           : std::partition_point(spans.begin(), spans.end(),
                                                  [&](const Span& span) { return span.from < at; });
    if (after == spans.begin()) return Time::zero();
    const Span& last = *(after - 1);
    return last.before + (std::min(last.to, at) - last.from);
}

}  // namespace

SramMemory::SramMemory(SramMemorySpec spec) : spec_(std::move(spec)) {
    PERFWATT_CHECK(spec_.banks > 0 && spec_.bytes_per_cycle > 0 && spec_.capacity_bytes > 0,
                   spec_.name + ": banks, width and capacity are above zero");
    PERFWATT_CHECK(
        spec_.interleave_bytes > 0 && spec_.interleave_bytes % spec_.bytes_per_cycle == 0,
        spec_.name + ": banks are interleaved by whole accesses");
    busy_.resize(static_cast<std::size_t>(spec_.banks));
    accesses_.resize(busy_.size());
}

void SramMemory::add_accesses(std::int64_t block, std::int64_t accesses) {
    accesses_[static_cast<std::size_t>(block % spec_.banks)] += accesses;
}

/// Splits a run of bytes into accesses of the banks, whole rounds of all banks at once.
void SramMemory::add_row(std::int64_t address, std::int64_t bytes) {
    const std::int64_t block_of_all = address / spec_.interleave_bytes;
    if ((address + bytes - 1) / spec_.interleave_bytes == block_of_all) {
        const std::int64_t begin = address - block_of_all * spec_.interleave_bytes;
        add_accesses(block_of_all, (begin + bytes - 1) / spec_.bytes_per_cycle -
                                       begin / spec_.bytes_per_cycle + 1);
        return;
    }
    const std::int64_t per_block = spec_.interleave_bytes / spec_.bytes_per_cycle;
    std::int64_t first = address / spec_.bytes_per_cycle;
    const std::int64_t end = (address + bytes - 1) / spec_.bytes_per_cycle + 1;
    if (first % per_block != 0) {
        const std::int64_t head = std::min(round_up(first, per_block), end) - first;
        add_accesses(first / per_block, head);
        first += head;
    }
    const std::int64_t blocks = (end - first) / per_block;
    const std::int64_t rounds = blocks / spec_.banks;
    if (rounds > 0)
        for (std::int64_t& accesses : accesses_) accesses += rounds * per_block;
    std::int64_t block = first / per_block + rounds * spec_.banks;
    for (std::int64_t i = 0; i < blocks % spec_.banks; ++i) add_accesses(block++, per_block);
    if (const std::int64_t tail = (end - first) % per_block; tail > 0) add_accesses(block, tail);
}

Time SramMemory::serve(std::vector<Span>& bank, Time now, std::int64_t accesses) const {
    const Time duration = spec_.clock.cycles(accesses);
    if (!bank.empty() && bank.back().to >= now) {
        bank.back().to += duration;
        return bank.back().to;
    }
    const Time before =
        bank.empty() ? Time::zero() : bank.back().before + (bank.back().to - bank.back().from);
    bank.push_back({.from = now, .to = now + duration, .before = before});
    return bank.back().to;
}

void SramMemory::count(int layer, Direction direction, std::int64_t accesses) {
    auto found = std::find_if(counts_.rbegin(), counts_.rend(),
                              [&](const LayerCount& c) { return c.layer == layer; });
    if (found == counts_.rend()) {
        counts_.push_back({.layer = layer});
        found = counts_.rbegin();
    }
    (direction == Direction::read ? found->reads : found->writes) += accesses;
}

void SramMemory::submit(Time now, const MemoryTransfer& transfer) {
    PERFWATT_CHECK(transfer.row_bytes > 0 && transfer.rows > 0, spec_.name + ": nothing to move");
    PERFWATT_CHECK(
        transfer.address >= 0 &&
            transfer.address + (transfer.rows - 1) * transfer.pitch_bytes + transfer.row_bytes <=
                spec_.capacity_bytes,
        spec_.name + ": a transfer ends beyond the memory");
    std::fill(accesses_.begin(), accesses_.end(), 0);
    for (std::int64_t row = 0; row < transfer.rows; ++row)
        add_row(transfer.address + row * transfer.pitch_bytes, transfer.row_bytes);
    Time end = now;
    std::int64_t total = 0;
    for (std::size_t bank = 0; bank < busy_.size(); ++bank) {
        if (accesses_[bank] == 0) continue;
        total += accesses_[bank];
        end = std::max(end, serve(busy_[bank], now, accesses_[bank]));
    }
    (transfer.direction == Direction::read ? read_bytes_ : write_bytes_) += transfer.bytes();
    moved_bytes_ += total * spec_.bytes_per_cycle;
    count(transfer.layer, transfer.direction, total);
    done_.push_back({.id = transfer.id, .at = end + spec_.latency});
}

/// First come, first served: a completion is known as soon as its transfer is submitted.
void SramMemory::advance(Time, std::vector<MemoryCompletion>& completions) {
    completions.insert(completions.end(), done_.begin(), done_.end());
    done_.clear();
}

Time SramMemory::next_completion_bound() const {
    Time bound = Time::max();
    for (const MemoryCompletion& completion : done_) bound = std::min(bound, completion.at);
    return bound;
}

Time SramMemory::data_bus_busy(Time at) const {
    Time sum;
    for (const std::vector<Span>& bank : busy_) sum += busy_before(bank, at);
    return sum;
}

void SramMemory::finish(Time end) {
    PERFWATT_CHECK(done_.empty(), spec_.name + ": a transfer was never answered");
    for (const std::vector<Span>& bank : busy_)
        PERFWATT_CHECK(bank.empty() || bank.back().to <= end,
                       spec_.name + ": busy beyond the end of the run");
}

std::vector<Action> SramMemory::actions() const {
    const std::string unit = fmt::format("access of {} B", spec_.bytes_per_cycle);
    return {{.name = spec_.name + ".read",
             .unit = unit,
             .meaning = "a read of one bank",
             .component = EnergyComponent::sram,
             .picojoules = spec_.read_pj,
             .source = spec_.energy_source,
             .not_modelled = {}},
            {.name = spec_.name + ".write",
             .unit = unit,
             .meaning = "a write of one bank",
             .component = EnergyComponent::sram,
             .picojoules = spec_.write_pj,
             .source = spec_.energy_source,
             .not_modelled = {}}};
}

void SramMemory::add_counts(Counts& counts, const std::vector<ActionId>& ids) const {
    for (const LayerCount& c : counts_) {
        const int row = c.layer >= 0 ? c.layer : counts.layers() - 1;
        counts.add(row, ids[kRead.index()], c.reads);
        counts.add(row, ids[kWrite.index()], c.writes);
    }
}

MemoryReport SramMemory::report() const {
    MemoryReport report;
    report.name = spec_.name;
    report.timing = "sram";
    report.read_bytes = read_bytes_;
    report.write_bytes = write_bytes_;
    report.rounding_bytes = moved_bytes_ - read_bytes_ - write_bytes_;
    report.burst_bytes = spec_.bytes_per_cycle;
    report.peak_bytes_per_second = spec_.banks * spec_.bytes_per_cycle * spec_.clock.hertz();
    for (const std::vector<Span>& bank : busy_)
        if (!bank.empty())
            report.data_bus_busy += bank.back().before + (bank.back().to - bank.back().from);
    report.channels = spec_.banks;
    for (const LayerCount& c : counts_) report.column_commands += c.reads + c.writes;
    report.row_hits = 0;
    return report;
}

}  // namespace perfwatt::sram
