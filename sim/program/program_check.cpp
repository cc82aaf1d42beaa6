#include "sim/program/program_check.h"

#include <fmt/format.h>

namespace perfwatt {
namespace {

class Checker {
  public:
    Checker(const Program& program, const ProgramLimits& limits)
        : program_(program), limits_(limits) {}

    std::vector<std::string> run() {
        for (std::size_t i = 0; i < program_.commands.size(); ++i) {
            at_ = i;
            check(program_.commands[i]);
        }
        return std::move(found_);
    }

  private:
    void complain(const std::string& what) {
        found_.push_back(fmt::format("command {}: {}", at_, what));
    }

    void check(const Command& command) {
        if (!command.unit.valid() || command.unit.index() >= program_.units.size()) {
            complain(fmt::format("unit {} does not exist", command.unit.value));
            return;
        }
        if (!command.layer.valid() || command.layer.index() >= program_.layers.size())
            complain(fmt::format("layer {} does not exist", command.layer.value));
        for (const CommandId before : command.after)
            if (!before.valid() || before.index() >= at_)
                complain(fmt::format("waits for command {}, which is not earlier", before.value));
        const Unit& unit = program_.units[command.unit.index()];
        const UnitKind kind = unit.kind;
        scratchpad_ = limits_.scratchpad_bytes;
        if (!limits_.engine_scratchpad_bytes.empty())
            scratchpad_ = limits_.engine_scratchpad_bytes.at(static_cast<std::size_t>(unit.engine));
        std::visit([&](const auto& work) { check(work, kind); }, command.work);
    }

    void check(const Load& load, UnitKind kind) {
        require(kind == UnitKind::dma, "only a DMA engine loads");
        check(load.source);
        check(load.target);
        require(load.source.bytes() == load.target.bytes, "a load changes its size on the way");
    }
    void check(const Store& store, UnitKind kind) {
        require(kind == UnitKind::dma, "only a DMA engine stores");
        check(store.source);
        check(store.target);
        require(store.target.bytes() == store.source.bytes, "a store changes its size on the way");
    }
    void check(const Contract& tile, UnitKind kind) {
        require(kind == UnitKind::matrix || kind == UnitKind::pim, "no unit for a contraction");
        require(tile.m > 0 && tile.n > 0 && tile.k > 0 && tile.repeat > 0, "an empty tile");
        require(tile.useful_macs - tile.saved_macs <= tile.m * tile.n * tile.k * tile.repeat,
                "more useful MACs than the tile has");
        const auto tasks = static_cast<std::int32_t>(program_.tasks.size());
        require(tile.task >= -1 && tile.task < tasks, "its task does not exist");
        require((kind == UnitKind::pim) == (tile.task >= 0),
                "units in a memory need a task, others have none");
        check(tile.first);
        check(tile.second);
        check(tile.output);
    }
    void check(const Vector& vector, UnitKind kind) {
        require(kind == UnitKind::vector || kind == UnitKind::pim, "no unit for vector work");
        require(vector.operations >= 0 && vector.elements >= 0, "negative work");
        check(vector.input);
        check(vector.output);
    }
    void check(const Delay& delay, UnitKind) {
        require(delay.duration >= Time::zero(), "a delay back in time");
    }
    void check(const Exchange& exchange, UnitKind kind) {
        require(kind == UnitKind::link, "only a link exchanges data");
        require(exchange.duration >= Time::zero() && exchange.link_bytes >= 0, "a negative size");
    }
    void check(const Buffer& buffer) {
        if (buffer.bytes < 0 || buffer.address < 0 || buffer.address + buffer.bytes > scratchpad_)
            complain(fmt::format("scratchpad bytes {}+{} lie outside {}", buffer.address,
                                 buffer.bytes, scratchpad_));
    }
    void check(const Region& region) {
        if (!region.memory.valid() || region.memory.index() >= limits_.memory_bytes.size()) {
            complain(fmt::format("memory {} does not exist", region.memory.value));
            return;
        }
        require(region.rows >= 1 && region.row_bytes >= 1, "an empty transfer");
        require(region.rows == 1 || region.pitch_bytes >= region.row_bytes, "rows overlap");
        const std::int64_t limit = limits_.memory_bytes[region.memory.index()];
        const std::int64_t end =
            region.address + (region.rows - 1) * region.pitch_bytes + region.row_bytes;
        if (region.address < 0 || (limit > 0 && end > limit))
            complain(fmt::format("bytes {} to {} lie outside memory {} of {}", region.address, end,
                                 region.memory.value, limit));
    }
    void require(bool holds, const char* otherwise) {
        if (!holds) complain(otherwise);
    }

    const Program& program_;
    const ProgramLimits& limits_;
    std::size_t at_ = 0;
    std::int64_t scratchpad_ = 0;  ///< bytes of the command's unit
    std::vector<std::string> found_;
};

}  // namespace

std::vector<std::string> problems(const Program& program, const ProgramLimits& limits) {
    return Checker(program, limits).run();
}

}  // namespace perfwatt
