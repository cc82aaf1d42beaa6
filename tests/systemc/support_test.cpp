#include <algorithm>
#include <stdexcept>

#include "sim/base/diagnostics.h"
#include "tests/systemc/child.h"
#include "tests/systemc/test_platform.h"

namespace perfwatt::testing_support {

Time TestDevice::duration(const Command& command) const {
    if (const auto* contract = std::get_if<Contract>(&command.work)) {
        return Time::from_ps(contract->m * contract->n * contract->k * contract->repeat);
    }
    if (const auto* vector = std::get_if<Vector>(&command.work)) {
        return Time::from_ps(vector->operations * 10);
    }
    return std::get<Delay>(command.work).duration;
}

std::vector<Action> TestDevice::actions() const {
    return {{.name = "mac",
             .unit = "MAC",
             .component = EnergyComponent::mac,
             .picojoules = mac_price,
             .source = "test"}};
}

void TestDevice::count(const Command& command, std::span<const ActionId> ids,
                       Counts& counts) const {
    if (const auto* contract = std::get_if<Contract>(&command.work)) {
        counts.add(command.layer.value, ids.front(), contract->useful_macs);
    }
}

std::int64_t TestDevice::count(UnitKind kind) const {
    return std::count_if(units_.begin(), units_.end(),
                         [kind](const Unit& unit) { return unit.kind == kind; });
}

void TestMemory::submit(Time now, const MemoryTransfer& transfer) {
    PERFWATT_CHECK(now >= advanced_to_, "submitted in the past");
    if (fault_ == Fault::throws) {
        throw std::runtime_error("the memory is on fire");
    }
    if (fault_ == Fault::loses_a_request && ++requests_ == 2) {
        return;
    }
    queue_.push_back({transfer, now});
}

Time TestMemory::start_of_next() const { return std::max(queue_.front().arrived, free_); }

void TestMemory::advance(Time limit, std::vector<MemoryCompletion>& completions) {
    while (!queue_.empty() && start_of_next() < limit) {
        const MemoryTransfer& transfer = queue_.front().transfer;
        const Time needed = transfer_time(transfer.bytes(), rate_);
        free_ = start_of_next() + needed;
        busy_ += needed;
        bytes_[static_cast<std::size_t>(transfer.direction)] += transfer.bytes();
        bytes_by_layer_.emplace_back(transfer.layer, transfer.bytes());
        completions.push_back(
            {transfer.id, fault_ == Fault::runs_late ? Time::zero() : free_ + latency_});
        queue_.pop_front();
    }
    advanced_to_ = std::max(advanced_to_, limit);
}

Time TestMemory::next_completion_bound() const {
    if (queue_.empty()) {
        return Time::max();
    }
    return start_of_next() + transfer_time(queue_.front().transfer.bytes(), rate_) + latency_;
}

Time TestMemory::data_bus_busy(Time at) const { return busy_ - std::max(Time::zero(), free_ - at); }

void TestMemory::finish(Time end) {
    PERFWATT_CHECK(queue_.empty() && end >= advanced_to_, "finished too early");
}

std::vector<Action> TestMemory::actions() const {
    return {{.name = "byte",
             .unit = "B",
             .component = EnergyComponent::dram,
             .picojoules = 2,
             .source = "test"}};
}

void TestMemory::add_counts(Counts& counts, const std::vector<ActionId>& ids) const {
    for (const auto& [layer, bytes] : bytes_by_layer_) {
        counts.add(layer >= 0 ? layer : counts.layers() - 1, ids.front(), bytes);
    }
}

MemoryReport TestMemory::report() const {
    MemoryReport report{.name = "test", .timing = "exact"};
    report.read_bytes = bytes_[0];
    report.write_bytes = bytes_[1];
    report.burst_bytes = 1;
    report.column_commands = bytes_[0] + bytes_[1] + (fault_ == Fault::miscounts ? 1 : 0);
    report.peak_bytes_per_second = rate_;
    report.data_bus_busy = busy_;
    return report;
}

UnitId ProgramMaker::unit(const std::string& name, UnitKind kind, int core) {
    program.units.push_back({name, kind, core});
    return UnitId{static_cast<std::int32_t>(program.units.size()) - 1};
}

LayerId ProgramMaker::layer(const std::string& name) {
    program.layers.push_back({.name = name, .operator_type = "MatMul", .macs = 0});
    current = LayerId{static_cast<std::int32_t>(program.layers.size()) - 1};
    return current;
}

CommandId ProgramMaker::add(UnitId unit, CommandWork work, std::vector<CommandId> after) {
    program.commands.push_back({unit, current, std::move(work), std::move(after)});
    return CommandId{static_cast<std::int32_t>(program.commands.size()) - 1};
}

CommandId ProgramMaker::load(UnitId unit, std::int64_t bytes, std::int64_t address, Buffer target,
                             std::vector<CommandId> after) {
    const Region region{MemoryId{0}, address, bytes, 1, bytes};
    return add(unit, Load{region, target}, std::move(after));
}

CommandId ProgramMaker::store(UnitId unit, std::int64_t bytes, std::int64_t address, Buffer source,
                              std::vector<CommandId> after) {
    const Region region{MemoryId{0}, address, bytes, 1, bytes};
    return add(unit, Store{source, region}, std::move(after));
}

CommandId ProgramMaker::contract(UnitId unit, std::int64_t macs, std::vector<CommandId> after,
                                 Buffer first, Buffer second, Buffer output) {
    Contract work{.m = 1, .n = 1, .k = macs, .useful_macs = macs};
    work.first = first;
    work.second = second;
    work.output = output;
    if (!current.valid()) {
        layer("layer");
    }
    program.layers[current.index()].macs += macs;
    return add(unit, work, std::move(after));
}

CommandId ProgramMaker::vector(UnitId unit, std::int64_t operations, std::vector<CommandId> after) {
    return add(unit, Vector{.elements = operations, .operations = operations}, std::move(after));
}

CommandId ProgramMaker::delay(UnitId unit, Time duration, std::int64_t operations,
                              std::vector<CommandId> after) {
    return add(unit, Delay{duration, operations}, std::move(after));
}

PlatformSetup make_setup(const Program& program, const Device& device,
                         const std::vector<TestMemorySpec>& memories,
                         const std::vector<LinkSpec>& links) {
    PlatformSetup setup;
    setup.program = &program;
    setup.device = &device;
    setup.links = link::make_links(links);
    for (const TestMemorySpec& spec : memories) {
        PlatformMemory memory;
        memory.attachment.name = "test";
        memory.attachment.via = spec.via;
        memory.attachment.transaction_bytes = spec.transaction_bytes;
        memory.attachment.outstanding = spec.outstanding;
        memory.model =
            std::make_unique<TestMemory>(spec.bytes_per_second, spec.latency, spec.fault);
        setup.memories.push_back(std::move(memory));
    }
    return setup;
}

std::vector<std::int64_t> ends(const Program& program, const Device& device,
                               const std::vector<TestMemorySpec>& memories,
                               const std::vector<LinkSpec>& links) {
    return in_child([&] {
        const PlatformResult result = simulate(make_setup(program, device, memories, links));
        std::vector<std::int64_t> times{result.end.fs};
        for (const CommandTimes& command : result.commands) {
            times.push_back(command.end.fs);
        }
        return times;
    });
}

}  // namespace perfwatt::testing_support
