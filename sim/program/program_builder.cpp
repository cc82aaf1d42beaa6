#include "sim/program/program_builder.h"

#include <algorithm>
#include <map>
#include <utility>

#include "sim/base/diagnostics.h"

namespace perfwatt {
namespace {

/// Columns of rows `pitch` bytes apart: addresses that are `begin` and the next bytes, modulo the
/// pitch, so that they may go round its end. Pitch 0 stands for every byte.
struct Columns {
    std::int64_t pitch = 0;
    std::int64_t begin = 0;
    std::int64_t bytes = 0;

    [[nodiscard]] bool meets(const Columns& other) const {
        return pitch == 0 || pitch != other.pitch || to(other) < bytes ||
               other.to(*this) < other.bytes;
    }
    [[nodiscard]] bool covers(const Columns& other) const {
        return pitch == 0 || (pitch == other.pitch && to(other) + other.bytes <= bytes);
    }
    friend bool operator==(const Columns&, const Columns&) = default;

  private:
    /// From the first column here to the first one there.
    [[nodiscard]] std::int64_t to(const Columns& other) const {
        return other.begin >= begin ? other.begin - begin : other.begin - begin + pitch;
    }
};

struct Access {
    CommandId command;
    UnitId unit;
    bool writes = false;
    Columns columns;
};

/// What a command waits for: commands of a unit run one after the other, so the latest of each
/// unit stands for those before it.
class Waits {
  public:
    explicit Waits(std::size_t units) : latest_(units) {}

    void add(UnitId unit, CommandId command) {
        CommandId& latest = latest_[unit.index()];
        if (!latest.valid()) units_.push_back(unit);
        if (latest < command) latest = command;
    }
    /// Of the other units than `own`, in ascending order; forgets them.
    void take(UnitId own, std::vector<CommandId>& after) {
        for (const UnitId unit : units_) {
            CommandId& latest = latest_[unit.index()];
            if (unit != own) after.push_back(latest);
            latest = CommandId{};
        }
        units_.clear();
        std::sort(after.begin(), after.end());
    }

  private:
    std::vector<CommandId> latest_;  ///< by unit; invalid where none
    std::vector<UnitId> units_;      ///< of which there is one
};

/// Who touched which bytes of one address space last: disjoint intervals, each with the accesses
/// that a later command may have to wait for. Interleaved rows of one pitch (tiles of channels)
/// are told apart by their columns, so that they cost one entry and not one interval a row.
class Space {
  public:
    /// Adds to `after` whatever the access must wait for, then records it.
    void touch(std::int64_t begin, std::int64_t end, const Access& access, Waits& after) {
        if (begin >= end) return;
        split(begin);
        split(end);
        auto it = intervals_.lower_bound(begin);
        std::int64_t at = begin;
        while (at < end) {
            if (it == intervals_.end() || it->first > at) {
                const std::int64_t stop = it == intervals_.end() ? end : std::min(end, it->first);
                it = intervals_.emplace_hint(it, at, Interval{.end = stop, .accesses = {}});
            }
            record(it->second, access, after);
            at = it->second.end;
            ++it;
        }
    }

  private:
    struct Interval {
        std::int64_t end = 0;
        std::vector<Access> accesses;
    };

    void split(std::int64_t at) {
        auto it = intervals_.upper_bound(at);
        if (it == intervals_.begin()) return;
        --it;
        if (it->first == at || it->second.end <= at) return;
        Interval tail = it->second;
        it->second.end = at;
        intervals_.emplace(at, std::move(tail));
    }

    static void record(Interval& interval, const Access& access, Waits& after) {
        std::vector<Access>& kept = interval.accesses;
        std::size_t out = 0;
        for (std::size_t i = 0; i < kept.size(); ++i) {
            Access& old = kept[i];
            if ((access.writes || old.writes) && old.columns.meets(access.columns))
                after.add(old.unit, old.command);
            // A write that covers an access stands for it; a later read of a unit ends later.
            const bool replaced = access.writes ? access.columns.covers(old.columns)
                                                : !old.writes && old.unit == access.unit &&
                                                      old.columns == access.columns;
            if (replaced) continue;
            if (out != i) kept[out] = old;
            ++out;
        }
        kept.resize(out);
        kept.push_back(access);
    }

    std::map<std::int64_t, Interval> intervals_;
};

Columns columns_of(const Region& region) {
    if (region.rows <= 1 || region.row_bytes >= region.pitch_bytes) return {};
    return {.pitch = region.pitch_bytes,
            .begin = region.address % region.pitch_bytes,
            .bytes = region.row_bytes};
}

std::int64_t end_of(const Region& region) {
    if (region.bytes() == 0) return region.address;
    return region.address + (region.rows - 1) * region.pitch_bytes + region.row_bytes;
}

}  // namespace

struct ProgramBuilder::State {
    Program program;
    explicit State(std::vector<Unit> units)
        : index(units), scratchpads(index.size()), found(units.size()), latest(units.size()) {
        program.units = std::move(units);
    }

    ScratchpadIndex index;
    std::vector<Space> scratchpads;
    std::vector<Space> memories;
    Waits found;
    std::vector<CommandId> latest;  ///< by unit
    std::int32_t first_unit = 0;    ///< of the engine whose ids are given

    void touch(const Buffer& buffer, Access access, bool writes) {
        access.writes = writes;
        const std::size_t scratchpad = index.of(program.units[access.unit.index()]);
        scratchpads[scratchpad].touch(buffer.address, buffer.address + buffer.bytes, access, found);
    }
    void touch(const Region& region, Access access, bool writes) {
        access.writes = writes;
        access.columns = columns_of(region);
        PERFWATT_CHECK(region.memory.valid() && region.memory.index() < memories.size(),
                       "a transfer to a memory the program lacks");
        memories[region.memory.index()].touch(region.address, end_of(region), access, found);
    }

    void touch_late(CommandId command, const Region& region, bool writing) {
        PERFWATT_CHECK(command.index() + 1 == program.commands.size(), "not the latest command");
        Command& late = program.commands.back();
        touch(region, {.command = command, .unit = late.unit, .writes = false, .columns = {}},
              writing);
        for (const CommandId before : late.after)
            found.add(program.commands[before.index()].unit, before);
        late.after.clear();
        found.take(late.unit, late.after);
    }

    // Reads before writes: a command that does both waits for neither of its own accesses.
    void touch_all(const Load& load, const Access& access) {
        touch(load.source, access, false);
        touch(load.target, access, true);
    }
    void touch_all(const Store& store, const Access& access) {
        touch(store.source, access, false);
        touch(store.target, access, true);
    }
    void touch_all(const Contract& contract, const Access& access) {
        touch(contract.first, access, false);
        touch(contract.second, access, false);
        touch(contract.output, access, true);
    }
    void touch_all(const Vector& vector, const Access& access) {
        touch(vector.input, access, false);
        touch(vector.output, access, true);
    }
    void touch_all(const Delay&, const Access&) {}
    void touch_all(const Exchange&, const Access&) {}
};

ProgramBuilder::ProgramBuilder(std::vector<Unit> units, std::vector<std::string> memories)
    : state_(std::make_unique<State>(std::move(units))) {
    state_->memories.resize(memories.size());
    state_->program.memories = std::move(memories);
}

ProgramBuilder::~ProgramBuilder() = default;
ProgramBuilder::ProgramBuilder(ProgramBuilder&&) noexcept = default;
ProgramBuilder& ProgramBuilder::operator=(ProgramBuilder&&) noexcept = default;

LayerId ProgramBuilder::add_layer(Layer layer) {
    state_->program.layers.push_back(std::move(layer));
    return {static_cast<std::int32_t>(state_->program.layers.size()) - 1};
}

void ProgramBuilder::set_engine(int engine) {
    const std::vector<Unit>& units = state_->program.units;
    const auto first = std::find_if(units.begin(), units.end(),
                                    [engine](const Unit& unit) { return unit.engine == engine; });
    PERFWATT_CHECK(first != units.end(), "an engine without units");
    state_->first_unit = static_cast<std::int32_t>(first - units.begin());
}

CommandId ProgramBuilder::last_command(UnitId unit) const {
    return state_->latest[static_cast<std::size_t>(state_->first_unit + unit.value)];
}

CommandId ProgramBuilder::add(UnitId unit, LayerId layer, CommandWork work,
                              const std::vector<CommandId>& extra) {
    Program& program = state_->program;
    PERFWATT_CHECK(unit.valid(), "a unit that is not there");
    unit.value += state_->first_unit;
    PERFWATT_CHECK(unit.index() < program.units.size(), "a unit that is not there");
    const CommandId id{static_cast<std::int32_t>(program.commands.size())};
    for (const CommandId before : extra) {
        PERFWATT_CHECK(before.valid() && before < id, "a dependency on a later command");
        state_->found.add(program.commands[before.index()].unit, before);
    }
    const Access access{.command = id, .unit = unit, .writes = false, .columns = {}};
    std::visit([&](const auto& typed) { state_->touch_all(typed, access); }, work);

    Command command{.unit = unit, .layer = layer, .work = std::move(work), .after = {}};
    state_->found.take(unit, command.after);
    program.commands.push_back(std::move(command));
    state_->latest[unit.index()] = id;
    return id;
}

std::int32_t ProgramBuilder::add_task(const PimTask& task) {
    std::vector<PimTask>& tasks = state_->program.tasks;
    for (std::size_t i = 0; i < tasks.size(); ++i)
        if (tasks[i].memory == task.memory && tasks[i].kernel == task.kernel)
            return static_cast<std::int32_t>(i);
    tasks.push_back(task);
    return static_cast<std::int32_t>(tasks.size() - 1);
}

void ProgramBuilder::reads(CommandId command, const Region& region) {
    state_->touch_late(command, region, false);
}

void ProgramBuilder::writes(CommandId command, const Region& region) {
    state_->touch_late(command, region, true);
}

const Program& ProgramBuilder::program() const { return state_->program; }

Program ProgramBuilder::take() { return std::move(state_->program); }

}  // namespace perfwatt
