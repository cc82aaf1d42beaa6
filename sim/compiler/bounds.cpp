#include <algorithm>
#include <map>

#include "sim/compiler/emission.h"

namespace perfwatt {
namespace {

/// What the commands of one engine do, layer by layer.
struct EngineTotals {
    std::vector<std::int64_t> operations;  ///< by layer
    std::map<std::pair<DataType, DataType>, std::vector<std::int64_t>> useful;
};

std::vector<EngineWork> work_of(const EngineTotals& totals, const Device& device) {
    std::vector<EngineWork> work(totals.operations.size());
    for (const auto& [types, by_layer] : totals.useful) {
        const std::int64_t peak = device.peak(types.first, types.second).macs_per_second;
        for (std::size_t i = 0; i < work.size(); ++i)
            work[i].compute += transfer_time(by_layer[i], peak);
    }
    const std::int64_t lanes =
        device.peak(DataType::int8, DataType::int8).vector_operations_per_second;
    for (std::size_t i = 0; i < work.size(); ++i)
        if (totals.operations[i] > 0) work[i].vector = transfer_time(totals.operations[i], lanes);
    return work;
}

}  // namespace

void find_bounds(const CompileTarget& target, Compiled& out) {
    const Program& program = out.program;
    const std::vector<TargetEngine> engines = engines_of(target);
    const std::size_t layers = program.layers.size();
    std::vector<std::vector<Moved>>& moved = out.moved;
    moved.assign(layers, std::vector<Moved>(target.memories.size()));
    std::vector<EngineTotals> totals(engines.size());
    for (EngineTotals& engine : totals) engine.operations.assign(layers, 0);
    for (const Command& command : program.commands) {
        const std::size_t layer = command.layer.index();
        EngineTotals& engine =
            totals[static_cast<std::size_t>(program.units[command.unit.index()].engine)];
        if (const auto* load = std::get_if<Load>(&command.work)) {
            moved[layer][load->source.memory.index()].read += load->source.bytes();
        } else if (const auto* store = std::get_if<Store>(&command.work)) {
            moved[layer][store->target.memory.index()].written += store->target.bytes();
        } else if (const auto* tile = std::get_if<Contract>(&command.work)) {
            auto& by_layer = engine.useful[{tile->first_type, tile->second_type}];
            by_layer.resize(layers, 0);
            by_layer[layer] += tile->useful_macs - tile->saved_macs;
        } else if (const auto* vector = std::get_if<Vector>(&command.work)) {
            engine.operations[layer] += vector->operations;
        }
    }
    out.layer_bounds.resize(layers);
    if (engines.size() > 1) out.work.assign(layers, {});
    for (std::size_t e = 0; e < engines.size(); ++e) {
        const std::vector<EngineWork> work = work_of(totals[e], *engines[e].device);
        EngineWork sum;
        for (std::size_t i = 0; i < layers; ++i) {
            LayerBound& layer = out.layer_bounds[i];
            layer.compute = std::max(layer.compute, work[i].compute);
            layer.vector = std::max(layer.vector, work[i].vector);
            sum.compute += work[i].compute;
            sum.vector += work[i].vector;
            if (engines.size() > 1) out.work[i].push_back(work[i]);
        }
        // Engines work at the same time: the one with most to do bounds the whole.
        out.bound.compute = std::max(out.bound.compute, sum.compute);
        out.bound.vector = std::max(out.bound.vector, sum.vector);
    }
    std::vector<Moved> total(target.memories.size());
    for (std::size_t i = 0; i < layers; ++i) {
        out.layer_bounds[i].memory = memory_bound(moved[i], target.memories);
        add_moved(total, moved[i]);
    }
    out.bound.memory = memory_bound(total, target.memories);
    out.memories = target.memories;
}

void add_moved(std::vector<Moved>& total, const std::vector<Moved>& more) {
    for (std::size_t m = 0; m < more.size(); ++m) {
        total[m].read += more[m].read;
        total[m].written += more[m].written;
    }
}

Time memory_bound(const std::vector<Moved>& moved, const std::vector<TargetMemory>& memories) {
    Time longest;
    for (std::size_t m = 0; m < moved.size(); ++m) {
        const TargetMemory& memory = memories[m];
        const std::int64_t both_ways = memory.both_ways_bytes_per_second > 0
                                           ? memory.both_ways_bytes_per_second
                                           : memory.bytes_per_second;
        const std::int64_t most = std::max(moved[m].read, moved[m].written);
        longest = std::max({longest, transfer_time(most, memory.bytes_per_second),
                            transfer_time(moved[m].read + moved[m].written, both_ways)});
    }
    return longest;
}

Time LayerBound::time() const { return std::max({compute, vector, memory}); }

}  // namespace perfwatt
