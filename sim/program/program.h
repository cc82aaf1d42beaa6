#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "sim/base/data_type.h"
#include "sim/base/strong_id.h"
#include "sim/base/time.h"
#include "sim/program/pim_kernel.h"

namespace perfwatt {

using CommandId = StrongId<struct CommandTag>;
using UnitId = StrongId<struct UnitTag>;    ///< an execution unit: a DMA engine, a matrix unit …
using LayerId = StrongId<struct LayerTag>;  ///< a row of the report
using MemoryId = StrongId<struct MemoryTag>;

/// What an execution unit is; a family names its units and says how long each takes.
enum class UnitKind : std::uint8_t { dma, matrix, vector, pim, host, link };

struct Unit {
    std::string name;  ///< "core0.matrix"; of several engines "dla0.core0.matrix"
    UnitKind kind = UnitKind::dma;
    int core = 0;    ///< of its engine
    int engine = 0;  ///< whose device says what its commands take; a host's delays are anybody's
};

/// `rows` rows of `row_bytes` contiguous bytes, `pitch_bytes` apart, in a memory's own addresses.
struct Region {
    MemoryId memory;
    std::int64_t address = 0;
    std::int64_t row_bytes = 0;
    std::int64_t rows = 1;
    std::int64_t pitch_bytes = 0;

    [[nodiscard]] std::int64_t bytes() const { return row_bytes * rows; }
};

/// A place in a core's scratchpad; decides which banks are touched.
struct Buffer {
    std::int64_t address = 0;
    std::int64_t bytes = 0;
};

struct Load {
    Region source;
    Buffer target;
};

struct Store {
    Buffer source;
    Region target;
};

/// One tile of a contraction on a matrix unit: m x n x k, `repeat` times (groups).
struct Contract {
    std::int64_t m = 0, n = 0, k = 0;
    std::int64_t repeat = 1;
    DataType first_type = DataType::int8;
    DataType second_type = DataType::int8;
    bool first_k_tile = true;  ///< accumulators start at zero
    bool last_k_tile = true;   ///< accumulators leave the unit
    std::int64_t useful_macs = 0;
    /// Of the useful ones, those it need not do: zeros of sparse weights, Winograd's saving.
    std::int64_t saved_macs = 0;
    /// Of the useful ones, those whose cells are held still because an input is zero; they take
    /// their time.
    std::int64_t gated_macs = 0;
    std::int64_t transform_sums = 0;  ///< additions that save products: Winograd's transforms
    /// What the unit holds first arrives while the command before it streams.
    bool preloaded = false;
    /// Of a convolution, for units whose rows are filter rows: k = channels x filter_rows x
    /// filter_columns, m = output_rows x the rest.
    std::int64_t filter_rows = 1, filter_columns = 1, output_rows = 1;
    std::int32_t task = -1;  ///< of units in a memory's banks: see Program::tasks
    Buffer first, second, output;
};

/// `operations` lane-operations over `elements` elements on a vector unit.
struct Vector {
    std::int64_t elements = 0;
    std::int64_t operations = 0;
    DataType type = DataType::int8;
    std::int64_t read_bytes = 0;
    std::int64_t write_bytes = 0;
    Buffer input, output;
};

/// Fixed-time work: a launch, a host operation.
struct Delay {
    Time duration;
    std::int64_t operations = 0;
};

/// Data exchanged with the other chips of a system, all of which do the same at the same time; its
/// duration is a closed form (models/link/link_collective.h).
struct Exchange {
    Time duration;
    std::int64_t link_bytes = 0;  ///< this chip sends, over all steps
    int link = 0;                 ///< which of those that lead out of the chip
};

using CommandWork = std::variant<Load, Store, Contract, Vector, Delay, Exchange>;

/// One tile-sized command. It starts when its unit is free (commands of a unit start in program
/// order) and every command in `after` has ended.
struct Command {
    UnitId unit;
    LayerId layer;
    CommandWork work;
    std::vector<CommandId> after;  ///< earlier commands only
};

struct Layer {
    std::string name;
    std::string operator_type;
    std::int64_t macs = 0;  ///< of the graph
};

/// Scratchpads are numbered through: those of the cores of engine 0, then those of engine 1, …
class ScratchpadIndex {
  public:
    explicit ScratchpadIndex(const std::vector<Unit>& units);

    [[nodiscard]] std::size_t of(const Unit& unit) const {
        return first_[static_cast<std::size_t>(unit.engine)] + static_cast<std::size_t>(unit.core);
    }
    [[nodiscard]] std::size_t size() const { return engine_of_.size(); }
    /// Whose the scratchpad is.
    [[nodiscard]] int engine_of(std::size_t scratchpad) const { return engine_of_[scratchpad]; }

  private:
    std::vector<std::size_t> first_;  ///< by engine
    std::vector<int> engine_of_;
};

/// What units in a memory's banks do for a contraction on a unit of kind `pim`.
struct PimTask {
    MemoryId memory;
    PimKernel kernel;
};

/// What a compiler hands to a platform: readable as text (program_text.h), replayable.
struct Program {
    std::vector<Unit> units;
    std::vector<std::string> memories;  ///< by MemoryId
    std::vector<Layer> layers;
    std::vector<PimTask> tasks;  ///< by Contract::task
    std::vector<Command> commands;
};

}  // namespace perfwatt
