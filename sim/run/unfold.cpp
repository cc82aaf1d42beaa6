#include "sim/run/unfold.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "sim/base/diagnostics.h"

namespace perfwatt {
namespace {

/// The segment of layers that is inserted, and how.
struct Insertion {
    int first_layer = 0;  ///< of the block that is copied
    int layers = 0;       ///< of a block
    int copies = 0;
    Time from;  ///< end of the block before
    Time to;    ///< end of the block that is copied

    [[nodiscard]] int place() const { return first_layer + layers; }
    [[nodiscard]] Time period() const { return to - from; }
};

Time end_of_layers(const std::vector<LayerUse>& layers, int first, int count) {
    Time end;
    for (int i = first; i < first + count; ++i)
        end = std::max(end, layers[static_cast<std::size_t>(i)].end);
    return end;
}

Insertion insertion_of(const Repeat& repeat, const std::vector<LayerUse>& layers) {
    PERFWATT_CHECK(repeat.blocks_emitted >= 3, "a folded segment needs three blocks");
    const int copied = repeat.blocks_emitted - 2;
    Insertion insertion{.first_layer = repeat.first_layer + copied * repeat.layers_per_block,
                        .layers = repeat.layers_per_block,
                        .copies = repeat.count - repeat.blocks_emitted};
    insertion.from =
        end_of_layers(layers, insertion.first_layer - insertion.layers, insertion.layers);
    insertion.to = end_of_layers(layers, insertion.first_layer, insertion.layers);
    return insertion;
}

/// `value` of the simulated time, grown to the whole time: for what belongs to no layer.
std::int64_t grown(std::int64_t value, double growth) {
    return value + std::llround(static_cast<double>(value) * growth);
}

/// The causes of the part of `span` that lies in [from, to): in proportion, exact in their sum.
CauseTimes clipped(const CausedSpan& span, Time from, Time to) {
    const Time begin = std::max(from, span.from);
    const Time end = std::min(to, span.to);
    CauseTimes causes{};
    if (begin >= end) return causes;
    if (begin == span.from && end == span.to) return span.causes;
    const double share =
        static_cast<double>((end - begin).fs) / static_cast<double>((span.to - span.from).fs);
    for (std::size_t i = 0; i < causes.size(); ++i)
        causes[i] = {static_cast<std::int64_t>(static_cast<double>(span.causes[i].fs) * share)};
    of(causes, largest(span.causes)) += (end - begin) - sum(causes);
    return causes;
}

/// Layers with the copies inserted; a copy comes a period later than what it is a copy of.
std::vector<LayerUse> insert_layers(const std::vector<LayerUse>& layers, const Insertion& in) {
    std::vector<LayerUse> whole(layers.begin(), layers.begin() + in.place());
    for (int copy = 1; copy <= in.copies; ++copy)
        for (int i = in.first_layer; i < in.place(); ++i) {
            LayerUse use = layers[static_cast<std::size_t>(i)];
            use.start += copy * in.period();
            use.end += copy * in.period();
            whole.push_back(use);
        }
    for (std::size_t i = static_cast<std::size_t>(in.place()); i < layers.size(); ++i) {
        LayerUse use = layers[i];
        // What was loaded before the copied block had ended was loaded before its first copy had.
        if (use.start > in.from) use.start += in.copies * in.period();
        use.end += in.copies * in.period();
        whole.push_back(use);
    }
    return whole;
}

/// Layers of the whole network. Kernels that are not emitted still have their names.
std::vector<Layer> insert_names(const Compiled& compiled, const Insertion& in) {
    const std::vector<Layer>& layers = compiled.program.layers;
    const Repeat& repeat = *compiled.repeat;
    const bool named = repeat.layers_per_block == repeat.kernels_per_block;
    std::vector<Layer> whole(layers.begin(), layers.begin() + in.place());
    const auto add_block = [&](int first_layer, int block) {
        for (int i = 0; i < in.layers; ++i) {
            Layer layer = layers[static_cast<std::size_t>(first_layer + i)];
            const int kernel = repeat.first_kernel + block * repeat.kernels_per_block + i;
            if (named) layer.name = compiled.kernels[static_cast<std::size_t>(kernel)].name;
            whole.push_back(std::move(layer));
        }
    };
    for (int copy = 1; copy <= in.copies; ++copy)
        add_block(in.first_layer, repeat.blocks_emitted - 2 + copy);
    // The last block that was simulated is the last one of all.
    add_block(in.place(), repeat.count - 1);
    whole.insert(whole.end(), layers.begin() + in.place() + in.layers, layers.end());
    return whole;
}

Counts insert_counts(const Counts& counts, const Insertion& in, double growth) {
    const int inserted = in.layers * in.copies;
    const int rows = counts.layers() + inserted;
    Counts whole(counts.actions(), rows);
    for (std::size_t a = 0; a < counts.actions().size(); ++a) {
        const ActionId action{static_cast<std::int32_t>(a)};
        for (int row = 0; row < rows - 1; ++row) {
            int source = row;
            if (row >= in.place() + inserted)
                source = row - inserted;
            else if (row >= in.place())
                source = in.first_layer + (row - in.place()) % in.layers;
            whole.add(row, action, counts.get(source, action));
        }
        whole.add(rows - 1, action, grown(counts.get(counts.layers() - 1, action), growth));
    }
    return whole;
}

/// The action that counts a command by layer, for commands that layers cause.
std::string_view action_of(std::string_view command) {
    if (command.starts_with("ACT")) return "activate";
    // Rows are closed as often as they are opened, but seldom on behalf of the layer they serve.
    if (command.starts_with("PRE")) return "activate";
    if (command.starts_with("RD")) return "read";
    if (command.starts_with("WR")) return "write";
    return {};
}

/// What the copies add to an action of the layers, as a share of what there is; nothing if no
/// action of that name was counted.
std::optional<double> share_of(const Counts& counts, const Insertion& in, const std::string& name) {
    for (std::size_t a = 0; a < counts.actions().size(); ++a) {
        const ActionId action{static_cast<std::int32_t>(a)};
        if (counts.actions()[a].name != name || counts.total(action) == 0) continue;
        std::int64_t block = 0;
        for (int row = in.first_layer; row < in.place(); ++row) block += counts.get(row, action);
        return static_cast<double>(block) * in.copies / static_cast<double>(counts.total(action));
    }
    return std::nullopt;
}

/// A memory's report grown by what the copies do: commands that layers cause as their counts do,
/// the rest of the traffic with its bytes, what belongs to no layer with time.
MemoryReport grow_report(MemoryReport report, const PlatformResult& run, const Insertion& in,
                         std::size_t memory, double growth) {
    LayerTraffic block;
    for (int i = in.first_layer; i < in.place(); ++i) {
        const LayerTraffic& layer = run.layers[static_cast<std::size_t>(i)].traffic[memory];
        block.read_bytes += layer.read_bytes;
        block.write_bytes += layer.write_bytes;
    }
    const double all = static_cast<double>(report.read_bytes + report.write_bytes);
    const double share =
        all > 0 ? static_cast<double>(block.read_bytes + block.write_bytes) * in.copies / all : 0;
    report.read_bytes += block.read_bytes * in.copies;
    report.write_bytes += block.write_bytes * in.copies;
    report.rounding_bytes = grown(report.rounding_bytes, share);
    report.row_hits = grown(report.row_hits, share);
    report.column_commands = grown(report.column_commands, share);
    report.data_bus_busy.fs = grown(report.data_bus_busy.fs, share);
    const double by_jobs =
        share_of(run.counts, in, fmt::format("{}.pim_mac", report.name)).value_or(growth);
    for (MemoryReport::PimTime& part : report.pim_times)
        part.time.fs = grown(part.time.fs, by_jobs);
    report.pim_jobs = grown(report.pim_jobs, by_jobs);
    report.pim_macs = grown(report.pim_macs, by_jobs);
    for (MemoryReport::CommandCount& command : report.commands) {
        if (command.name.starts_with("PIM_")) {
            command.count = grown(command.count, by_jobs);
            continue;
        }
        const std::string_view action = action_of(command.name);
        const double by_layers =
            share_of(run.counts, in, fmt::format("{}.{}", report.name, action)).value_or(share);
        command.count = grown(command.count, action.empty() ? growth : by_layers);
    }
    report.refreshes = grown(report.refreshes, growth);
    return report;
}

/// Engines work at the same time: the one with most to do bounds the whole.
void bound_engines(const Compiled& compiled, const Insertion& in, LayerBound& bound) {
    for (std::size_t e = 0; e < compiled.work.front().size(); ++e) {
        EngineWork sum;
        for (std::size_t i = 0; i < compiled.work.size(); ++i) {
            const int layer = static_cast<int>(i);
            const bool copied = layer >= in.first_layer && layer < in.place();
            const int times = copied ? 1 + in.copies : 1;
            sum.compute += times * compiled.work[i][e].compute;
            sum.vector += times * compiled.work[i][e].vector;
        }
        bound.compute = std::max(bound.compute, sum.compute);
        bound.vector = std::max(bound.vector, sum.vector);
    }
}

LayerBound total_bound(const Compiled& compiled, const Insertion& in) {
    LayerBound bound = compiled.bound;
    // Layers limited by different memories overlap: bytes add up, their least times do not.
    std::vector<Moved> moved(compiled.memories.size());
    for (const std::vector<Moved>& layer : compiled.moved) add_moved(moved, layer);
    for (int i = in.first_layer; i < in.place(); ++i) {
        const LayerBound& layer = compiled.layer_bounds[static_cast<std::size_t>(i)];
        if (compiled.work.empty()) {
            bound.compute += in.copies * layer.compute;
            bound.vector += in.copies * layer.vector;
        }
        for (int copy = 0; copy < in.copies; ++copy)
            add_moved(moved, compiled.moved[static_cast<std::size_t>(i)]);
    }
    bound.memory = memory_bound(moved, compiled.memories);
    if (!compiled.work.empty()) bound_engines(compiled, in, bound);
    return bound;
}

}  // namespace

RunFigures unfold(const Compiled& compiled, PlatformResult simulated) {
    const std::optional<Repeat>& repeat = compiled.repeat;
    if (!repeat || repeat->blocks_emitted >= repeat->count)
        return {.end = simulated.end,
                .causes = simulated.causes,
                .counts = std::move(simulated.counts),
                .layers = std::move(simulated.layers),
                .names = compiled.program.layers,
                .memories = std::move(simulated.memories),
                .useful_macs = simulated.useful_macs,
                .executed_macs = simulated.executed_macs,
                .bound = compiled.bound};

    const Insertion in = insertion_of(*repeat, simulated.layers);
    const Time added = in.copies * in.period();
    const double growth = static_cast<double>(added.fs) / static_cast<double>(simulated.end.fs);
    RunFigures figures{.end = simulated.end + added,
                       .causes = simulated.causes,
                       .counts = insert_counts(simulated.counts, in, growth),
                       .layers = insert_layers(simulated.layers, in),
                       .names = insert_names(compiled, in),
                       .memories = {},
                       .useful_macs = simulated.useful_macs,
                       .executed_macs = simulated.executed_macs,
                       .bound = total_bound(compiled, in)};
    for (const CausedSpan& span : simulated.path) {
        const CauseTimes causes = clipped(span, in.from, in.to);
        for (std::size_t i = 0; i < causes.size(); ++i) figures.causes[i] += in.copies * causes[i];
    }
    for (int i = in.first_layer; i < in.place(); ++i) {
        const LayerUse& layer = simulated.layers[static_cast<std::size_t>(i)];
        figures.useful_macs += in.copies * layer.useful_macs;
        figures.executed_macs += in.copies * layer.executed_macs;
    }
    for (std::size_t memory = 0; memory < simulated.memories.size(); ++memory)
        figures.memories.push_back(
            grow_report(simulated.memories[memory], simulated, in, memory, growth));
    PERFWATT_CHECK(sum(figures.causes) == figures.end,
                   fmt::format("causes of the unfolded run sum to {} fs of {}",
                               sum(figures.causes).fs, figures.end.fs));
    return figures;
}

}  // namespace perfwatt
