#include "sim/compiler/streams.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "sim/base/diagnostics.h"
#include "sim/compiler/emission.h"
#include "sim/compiler/placement.h"

namespace perfwatt {
namespace {

/// Units are alike if they stand at the same place of a core.
using Seat = std::tuple<int, int, int, UnitKind>;  // engine, core, how many before it, kind

/// By unit: its seat. Launchers, hosts and links are of core -1.
std::vector<Seat> seats_of(const std::vector<Unit>& units, const Stream& stream) {
    std::map<std::tuple<int, int, UnitKind>, int> before;
    std::vector<Seat> seats;
    for (const Unit& unit : units) {
        const bool outside = unit.kind == UnitKind::host || unit.kind == UnitKind::link;
        int engine = unit.engine;
        if (!stream.engine_of.empty())
            engine = stream.engine_of.at(static_cast<std::size_t>(unit.engine));
        // The host and the links out of the chip are of no engine, what launches one is.
        const bool shared = outside && !unit.name.ends_with(".launch");
        if (shared) engine = -1;
        const int core = outside ? -1 : unit.core + stream.first_core;
        const int nth = before[{engine, core, unit.kind}]++;
        seats.emplace_back(engine, core, nth, unit.kind);
    }
    return seats;
}

void shift(Region& range, const Stream& stream) {
    if (!stream.first_byte.empty()) range.address += stream.first_byte.at(range.memory.index());
}

class Merger {
  public:
    explicit Merger(const CompileTarget& target) {
        out_.program.units = target_units(target).units;
        for (const TargetMemory& memory : target.memories)
            out_.program.memories.push_back(memory.name);
        const std::vector<Seat> seats = seats_of(out_.program.units, {});
        for (std::size_t i = 0; i < seats.size(); ++i)
            unit_at_[seats[i]] = {static_cast<std::int32_t>(i)};
    }

    void add(const Stream& stream) {
        const Compiled& more = *stream.compiled;
        PERFWATT_CHECK(!more.repeat || more.repeat->blocks_emitted == more.repeat->count,
                       "a stream with blocks left out cannot run beside others");
        Program& program = out_.program;
        PERFWATT_CHECK(more.program.memories == program.memories,
                       "a stream compiled for other memories");
        const auto layers = static_cast<std::int32_t>(program.layers.size());
        const auto commands = static_cast<std::int32_t>(program.commands.size());
        const auto tasks = static_cast<std::int32_t>(program.tasks.size());
        program.layers.insert(program.layers.end(), more.program.layers.begin(),
                              more.program.layers.end());
        program.tasks.insert(program.tasks.end(), more.program.tasks.begin(),
                             more.program.tasks.end());
        const std::vector<UnitId> units = units_of(more.program, stream);
        for (Command command : more.program.commands) {
            const std::string& name = more.program.units[command.unit.index()].name;
            command.unit = units[command.unit.index()];
            PERFWATT_CHECK(command.unit.valid(),
                           fmt::format("a stream uses unit '{}', which the target lacks", name));
            if (command.layer.valid()) command.layer.value += layers;
            for (CommandId& before : command.after) before.value += commands;
            if (auto* load = std::get_if<Load>(&command.work)) shift(load->source, stream);
            if (auto* store = std::get_if<Store>(&command.work)) shift(store->target, stream);
            if (auto* tile = std::get_if<Contract>(&command.work); tile && tile->task >= 0)
                tile->task += tasks;
            program.commands.push_back(std::move(command));
        }
        for (const std::size_t end : more.run_ends)
            out_.run_ends.push_back(static_cast<std::size_t>(commands) + end);
        add_reports(more, layers);
    }

    Compiled take(const CompileTarget& target) {
        find_bounds(target, out_);
        return std::move(out_);
    }

  private:
    /// Invalid for units that the target lacks: those of cores that the stream does not use.
    std::vector<UnitId> units_of(const Program& program, const Stream& stream) const {
        std::vector<UnitId> units;
        for (const Seat& seat : seats_of(program.units, stream)) {
            const auto found = unit_at_.find(seat);
            units.push_back(found != unit_at_.end() ? found->second : UnitId{});
        }
        return units;
    }

    void add_reports(const Compiled& more, int layers) {
        for (KernelReport kernel : more.kernels) {
            if (kernel.layer >= 0) kernel.layer += layers;
            out_.kernels.push_back(std::move(kernel));
        }
        const auto append = [](std::vector<std::string>& all,
                               const std::vector<std::string>& texts) {
            for (const std::string& text : texts)
                if (std::find(all.begin(), all.end(), text) == all.end()) all.push_back(text);
        };
        append(out_.not_modelled, more.not_modelled);
        append(out_.notes, more.notes);
        append(out_.placement, more.placement);
        out_.predicted = std::max(out_.predicted, more.predicted);
        out_.candidates += more.candidates;
        out_.graph_macs += more.graph_macs;
        out_.removed_macs += more.removed_macs;
        out_.skipped_macs += more.skipped_macs;
        out_.host_operations += more.host_operations;
        out_.on_chip_bytes = std::max(out_.on_chip_bytes, more.on_chip_bytes);
        out_.memory_bytes += more.memory_bytes;
    }

    Compiled out_;
    std::map<Seat, UnitId> unit_at_;
};

}  // namespace

Compiled side_by_side(const std::vector<Stream>& streams, const CompileTarget& target) {
    Merger merger(target);
    for (const Stream& stream : streams) merger.add(stream);
    return merger.take(target);
}

}  // namespace perfwatt
