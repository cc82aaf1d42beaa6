#include "models/dram/dram_pim_memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "models/dram/dram_energy.h"
#include "sim/base/diagnostics.h"

namespace perfwatt::dram {
namespace {

DramSpec checked(DramSpec spec, int channels) {
    PERFWATT_CHECK(spec.pim.has_value(), "a memory without processing units");
    const Organization& org = spec.organization;
    if (org.pseudo_channels != 1 || org.ranks != 1) {
        throw UserError(fmt::format("memory '{}': units work in channels of one pseudo channel and "
                                    "one rank, this has {} and {}",
                                    spec.name, org.pseudo_channels, org.ranks),
                        "describe a pseudo channel as a channel of its own");
    }
    if (spec.refresh.mode == RefreshMode::per_bank || spec.refresh.mode == RefreshMode::same_bank) {
        throw UserError(fmt::format("memory '{}': units that share their banks' rows need "
                                    "refreshes of all banks",
                                    spec.name),
                        "refresh.mode: all_bank");
    }
    spec.pim = spec.pim->of_channels(channels);
    return spec;
}

enum PimAction_ : std::uint8_t { kMac, kCell, kInput, kOutput, kRegister, kActivate, kActions };

}  // namespace

DramPimMemory::DramPimMemory(DramSpec spec, DramOptions options)
    : inner_(checked(std::move(spec), options.channels), options),
      options_(std::move(options)),
      clock_(inner_.spec().tick_clock()) {}

void DramPimMemory::submit(Time now, const MemoryTransfer& transfer) {
    if (pim().concurrent()) {
        if (running_) {
            unfold();
            bytes_beside_ += transfer.bytes();
        }
        inner_.submit(now, transfer);
        return;
    }
    if (!running_ && waiting_.empty()) {
        inner_.submit(now, transfer);
        return;
    }
    deferred_.push_back({.arrival = clock_.cycles_in(now), .transfer = transfer});
}

void DramPimMemory::submit_job(Time now, const PimJob& job) {
    (void)program_of(job.kernel);
    waiting_.push_back({.job = job, .arrival = clock_.cycles_in(now)});
}

const PimProgram& DramPimMemory::program_of(const PimKernel& kernel) {
    for (const auto& [known, program] : programs_)
        if (known == kernel) return *program;
    auto made = pim_program(pim(), kernel);
    if (const auto* infeasible = std::get_if<Infeasible>(&made)) {
        throw UserError(fmt::format("memory '{}' cannot run a '{}': {}", options_.name,
                                    to_string(kernel.op), infeasible->reason));
    }
    programs_.emplace_back(kernel,
                           std::make_unique<PimProgram>(std::get<PimProgram>(std::move(made))));
    return *programs_.back().second;
}

void DramPimMemory::begin_job() {
    const Waiting next = waiting_.front();
    waiting_.pop_front();
    running_.emplace();
    running_->job = next.job;
    running_->program = &program_of(next.job.kernel);
    running_->start = std::max(next.arrival, inner_.advanced());
    for (int i = 0; i < inner_.channels(); ++i)
        running_->start = std::max(running_->start, inner_.channel(i).now() + 1);
    const bool fold = pim().folding && inner_.channels() > 1 && inner_.drained();
    DramChannel& first = inner_.channel(0);
    if (fold) {
        running_->before = first.counters();
        running_->data_before = first.data_ticks();
    }
    const int simulated = fold ? 1 : inner_.channels();
    for (int i = 0; i < simulated; ++i)
        running_->channels.emplace_back(inner_.spec(), *running_->program, inner_.channel(i),
                                        running_->start, running_->job.layer);
}

void DramPimMemory::unfold() {
    if (!running_->before) return;
    for (int i = 1; i < inner_.channels(); ++i) {
        inner_.channel(i).pim_repeat(inner_.channel(0), *running_->before, running_->data_before);
        running_->channels.push_back(running_->channels.front().on(inner_.channel(i)));
    }
    running_->before.reset();
}

void DramPimMemory::count(const PimProgram& program, int layer) {
    const std::int64_t channels = inner_.channels();
    Work& work = work_[layer];
    work.macs += program.macs * channels;
    for (const PimStep& step : program.steps) {
        const std::int64_t columns = step.count * channels;
        const bool set = step.command == PimCommand::read || step.command == PimCommand::write ||
                         step.command == PimCommand::multiply;
        const std::int64_t banks = set ? pim().banks / pim().banks_per_unit : 1;
        const bool to_registers = step.command == PimCommand::buffer_write ||
                                  step.command == PimCommand::register_write ||
                                  (step.command == PimCommand::write && step.operand_bus);
        if (step.phase == PimPhase::layout && set) {
            work.inputs += columns;  // into one bank of the set
            work.columns += columns;
        } else if (step.command == PimCommand::register_read) {
            work.outputs += columns;
        } else if (to_registers) {
            work.inputs += columns;
            work.registers += columns * (step.command == PimCommand::buffer_write ? 1 : banks);
        } else if (step.command == PimCommand::bank_read ||
                   step.command == PimCommand::bank_write) {
            plain_columns_ += columns;
        } else if (step.command != PimCommand::mode) {
            work.columns += columns * banks;
            work.registers += columns * banks;
        }
    }
    ++jobs_;
    macs_ += program.macs * channels;
}

void DramPimMemory::end_job(std::vector<MemoryCompletion>& completions) {
    Tick end = 0;
    Tick last = 0;
    for (const PimSequencer& channel : running_->channels) end = std::max(end, channel.end());
    for (int i = 0; i < static_cast<int>(running_->channels.size()); ++i)
        last = std::max(last, inner_.channel(i).now());
    if (running_->before) {
        DramChannel& first = inner_.channel(0);
        for (int i = 1; i < inner_.channels(); ++i)
            inner_.channel(i).pim_repeat(first, *running_->before, running_->data_before);
    }
    ticks_.add(running_->channels.front().ticks());
    job_ticks_ = end - running_->start;
    count(*running_->program, running_->job.layer);
    completions.push_back({.id = running_->job.id, .at = clock_.cycles(end)});
    running_.reset();
    if (!waiting_.empty()) {
        waiting_.front().arrival = std::max(waiting_.front().arrival, end);
        return;
    }
    for (const Deferred& late : deferred_)
        inner_.submit(clock_.cycles(std::max({late.arrival, end, inner_.advanced()})),
                      late.transfer);
    deferred_.clear();
}

void DramPimMemory::run_host(Tick end, std::vector<MemoryCompletion>& completions) {
    for (int i = 0; i < inner_.channels(); ++i) inner_.channel(i).run(inner_.feed(i), end);
    inner_.ran_to(end, completions);
}

void DramPimMemory::advance_beside(Tick end, std::vector<MemoryCompletion>& completions) {
    while (inner_.advanced() < end || running_) {
        if (running_) {
            bool all = true;
            for (std::size_t i = 0; i < running_->channels.size(); ++i)
                all =
                    running_->channels[i].run_beside(inner_.feed(static_cast<int>(i)), end) && all;
            if (!all) {
                for (std::size_t i = 0; i < running_->channels.size(); ++i) {
                    const auto lane = static_cast<int>(i);
                    if (running_->channels[i].done())
                        inner_.channel(lane).run(inner_.feed(lane), end);
                }
                inner_.ran_to(end, completions);
                return;
            }
            end_job(completions);
            continue;
        }
        Tick start = kNever;
        if (!waiting_.empty()) start = std::max(waiting_.front().arrival, inner_.advanced());
        if (start >= end) return run_host(end, completions);
        run_host(start, completions);
        begin_job();
    }
}

void DramPimMemory::advance(Time limit, std::vector<MemoryCompletion>& completions) {
    const Tick end = clock_.cycles_in(limit);
    if (pim().concurrent()) return advance_beside(end, completions);
    while (true) {
        if (running_) {
            bool all = true;
            for (PimSequencer& channel : running_->channels) all = channel.run(end) && all;
            if (!all) return;
            end_job(completions);
            continue;
        }
        if (waiting_.empty()) {
            inner_.advance(limit, completions);
            return;
        }
        if (!inner_.drained()) {
            (void)inner_.advance_to_completion(limit, completions);
            if (inner_.advanced() >= end && !inner_.drained()) return;
            continue;
        }
        if (std::max(waiting_.front().arrival, inner_.advanced()) >= end) return;
        inner_.advance(clock_.cycles(waiting_.front().arrival), completions);
        begin_job();
    }
}

Time DramPimMemory::next_completion_bound() const {
    Time bound = inner_.next_completion_bound();
    if (running_) {
        Tick at = 0;
        for (const PimSequencer& channel : running_->channels)
            at = std::max(at, channel.bound(inner_.advanced()));
        bound = std::min(bound, clock_.cycles(at));
    } else if (!waiting_.empty()) {
        std::int64_t columns = 0;
        for (const auto& [kernel, program] : programs_)
            if (kernel == waiting_.front().job.kernel)
                for (const PimStep& step : program->steps) columns += step.count;
        const Tick from = std::max(waiting_.front().arrival, inner_.advanced());
        bound = std::min(bound, clock_.cycles(from + columns));
    }
    return bound;
}

Time DramPimMemory::data_bus_busy(Time at) const { return inner_.data_bus_busy(at); }

void DramPimMemory::finish(Time end) {
    PERFWATT_CHECK(!running_ && waiting_.empty() && deferred_.empty(),
                   "PIM jobs are left in a memory at the end of the run");
    inner_.finish(end);
}

std::vector<Action> DramPimMemory::actions() const {
    std::vector<Action> actions = inner_.actions();
    const PimPrices& prices = pim().prices;
    const double bits = static_cast<double>(pim().column_bytes) * 8;
    const auto add = [&](const char* name, const char* unit, const char* meaning,
                         const Sourced<double>& price, double factor) {
        actions.push_back({.name = fmt::format("{}.pim_{}", options_.name, name),
                           .unit = unit,
                           .meaning = meaning,
                           .component = EnergyComponent::pim,
                           .picojoules = price.value * factor,
                           .source = price.source(),
                           .not_modelled = price.value == 0 ? price.source() : std::string{}});
        if (price.value == 0 && actions.back().not_modelled.empty())
            actions.back().not_modelled = "no figure in the memory's file";
    };
    add("mac", "MAC", "multiplications in the banks' units, padding included", prices.mac, 1);
    add("cell", "column", "columns between cells and units", prices.cell_bit, bits);
    add("input", "burst", "bursts from the pins to units", prices.input_bit, bits);
    add("output", "burst", "bursts from units to the pins", prices.output_bit, bits);
    add("register", "column", "columns into or out of registers and buffers", prices.register_bit,
        bits);
    add("activate", "row", "rows of a bank opened for units", prices.activate_bank, 1);
    return actions;
}

void DramPimMemory::add_counts(Counts& counts, const std::vector<ActionId>& ids) const {
    inner_.add_counts(counts, ids);
    const std::size_t first = ids.size() - kActions;
    const int shared = counts.layers() - 1;
    const auto row_of = [&](int layer) { return layer < 0 ? shared : layer; };
    for (const auto& [layer, work] : work_) {
        const int row = row_of(layer);
        counts.add(row, ids[first + kMac], work.macs);
        counts.add(row, ids[first + kCell], work.columns);
        counts.add(row, ids[first + kInput], work.inputs);
        counts.add(row, ids[first + kOutput], work.outputs);
        counts.add(row, ids[first + kRegister], work.registers);
    }
    const int at_once =
        pim().activate_banks > 0 ? pim().activate_banks : pim().banks / pim().banks_per_unit;
    for (int i = 0; i < inner_.channels(); ++i) {
        const auto& rows = const_cast<DramMemory&>(inner_).channel(i).counters().rows();
        for (std::size_t layer = 0; layer < rows.size(); ++layer) {
            const std::int64_t n = rows[layer][static_cast<std::size_t>(Command::pim_activate)];
            if (n != 0)
                counts.add(row_of(static_cast<int>(layer) - 1), ids[first + kActivate],
                           n * at_once);
        }
    }
}

MemoryReport DramPimMemory::report() const {
    MemoryReport report = inner_.report();
    report.rounding_bytes += plain_columns_ * report.burst_bytes;
    report.pim_jobs = jobs_;
    report.pim_macs = macs_;
    const auto add = [&](const char* name, Tick ticks) {
        report.pim_times.push_back({name, clock_.cycles(ticks)});
    };
    add("mode change", ticks_.phases[static_cast<std::size_t>(PimPhase::mode)]);
    add("cache layout", ticks_.phases[static_cast<std::size_t>(PimPhase::layout)]);
    add("input broadcast", ticks_.phases[static_cast<std::size_t>(PimPhase::broadcast)]);
    add("compute", ticks_.phases[static_cast<std::size_t>(PimPhase::compute)]);
    add("readout", ticks_.phases[static_cast<std::size_t>(PimPhase::readout)]);
    add("refresh", ticks_.refresh);
    add("fence", ticks_.fence);
    add("drain", ticks_.drain);
    return report;
}

}  // namespace perfwatt::dram
