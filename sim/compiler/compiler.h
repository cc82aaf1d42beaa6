#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "sim/arch/device.h"
#include "sim/graph/graph.h"
#include "sim/program/program.h"

namespace perfwatt {

/// A memory as the compiler sees it; [0] holds weights, inputs, outputs and spilled activations,
/// later ones are shared SRAM, preferred for activations as long as they have room.
struct TargetMemory {
    std::string name;
    std::int64_t bytes_per_second = 0;            ///< peak, of reads or of writes alone
    std::int64_t both_ways_bytes_per_second = 0;  ///< of both together; 0: the same
    std::int64_t capacity_bytes = 0;              ///< 0: not limited
    std::int64_t burst_bytes = 64;
    Time latency;  ///< of a first byte
};

/// A processor that does what the device can't; its rate is stated, never assumed.
struct HostRate {
    std::int64_t operations_per_second = 0;
    std::int64_t bytes_per_second = 0;  ///< to and from the device's memory
    Time latency;                       ///< of handing work over and back
};

/// An accelerator of the target. All engines share the memories that they see.
struct TargetEngine {
    std::string name;
    const Device* device = nullptr;
    Time launch;                     ///< before it starts on what another engine has made
    std::vector<MemoryId> memories;  ///< it sees, the first for its weights; empty: all
};

/// What an exchange of data with the rest of a system takes.
struct ExchangeCost {
    Time duration;
    std::int64_t sent_bytes = 0;  ///< by this chip
    int link = 0;                 ///< index into TargetSystem::links
};

/// What is around a chip that is one of several, or stands in a host.
struct TargetSystem {
    int tensor = 1;                  ///< chips that share each inference
    bool host_transfers = false;     ///< inputs and results cross a link to the host
    std::vector<std::string> links;  ///< names
    std::function<ExchangeCost(const Collective&)> cost;
};

struct CompileTarget {
    const Device* device = nullptr;     ///< of the only engine, where `engines` is empty
    std::vector<TargetEngine> engines;  ///< by Unit::engine
    std::vector<TargetMemory> memories;
    std::optional<HostRate> host;
    std::optional<TargetSystem> system;
};

/// Which engines may have a kernel. host: none that computes in memory, unless nothing else can.
/// pim: what an engine that computes in memory accepts goes there.
enum class PlaceRule : std::uint8_t { automatic, host, pim };

/// cold: every weight comes from memory. steady: weights that stay on chip are there already.
enum class Start : std::uint8_t { cold, steady };

struct CompileOptions {
    std::string precision = "int8";  ///< see precisions()
    Start start = Start::steady;
    int effort = 1000;  ///< candidates priced for each kernel and engine, at most
    PlaceRule place = PlaceRule::automatic;
    int cores = 0;  ///< of each engine, that the program may use, the first ones; 0: all
    bool fuse = true;
    bool fuse_attention = true;        ///< as one kernel where the device takes it
    bool depth_first = true;           ///< stripe by stripe where that is cheaper (stripes.h)
    bool resident_weights = true;      ///< keep weights on chip where room is left
    bool resident_activations = true;  ///< keep activations on chip where they fit
    /// Blocks emitted of a repeated segment; 0: all. At least 3 otherwise: first, middle, last.
    int blocks_emitted = 0;
    /// Times the network is emitted, one after the other: a batch in parts, of which `graph` is
    /// one. More than once leaves nothing out of a repeated segment.
    int runs = 1;
    std::vector<std::string> dump_after;      ///< passes, see pass_names()
    std::map<std::string, Mapping> mappings;  ///< by kernel name: replayed instead of searched
};

/// A segment of identical kernels, one block after the other: the layers of a transformer.
struct Repeat {
    int first_kernel = 0;
    int kernels_per_block = 0;
    int count = 0;
    int blocks_emitted = 0;  ///< the first ones; what follows the segment joins the last of them
    int first_layer = 0;     ///< of the emitted program
    int layers_per_block = 0;
};

/// What a kernel would have cost elsewhere.
struct EngineCost {
    std::string engine;
    std::optional<Time> cost;  ///< by its device's cost function; nothing where it cannot run
    std::string refused;       ///< why, where it cannot
    Time busy;                 ///< of `cost`, for which it keeps its memory
    int memory = 0;            ///< that one
};

/// What became of one kernel.
struct KernelReport {
    std::string name;
    std::string operator_type;
    std::string engine;  ///< the engine's name, "device" if there is but one, "host" or "link"
    MappingChoice choice;
    std::vector<EngineCost> engines;  ///< of each, where there are several
    int layer = -1;                   ///< of the program; -1 where its block is not emitted
};

/// Where a tensor lies while the program runs; tensors that are views of others share their place.
struct TensorPlace {
    std::string tensor;
    TensorRole role = TensorRole::activation;
    std::int64_t bytes = 0;
    Placement placement;
    bool resident = false;  ///< a weight kept on chip between inferences
};

/// Bytes between a memory and the chip.
struct Moved {
    std::int64_t read = 0;
    std::int64_t written = 0;
};

/// Of the same memories.
void add_moved(std::vector<Moved>& total, const std::vector<Moved>& more);

/// No transfers of `moved` bytes, by MemoryId, are faster, however they overlap.
[[nodiscard]] Time memory_bound(const std::vector<Moved>& moved,
                                const std::vector<TargetMemory>& memories);

/// The least time of a layer: the work the program gives each resource over its peak.
struct LayerBound {
    Time compute;
    Time vector;
    Time memory;
    [[nodiscard]] Time time() const;
};

/// What one engine's units have to do at least, at their peaks.
struct EngineWork {
    Time compute;
    Time vector;
};

struct Compiled {
    Program program;
    std::vector<KernelReport> kernels;
    std::vector<TensorPlace> places;
    std::vector<LayerBound> layer_bounds;  ///< by LayerId
    /// By LayerId and engine, where there are several: they may work at the same time.
    std::vector<std::vector<EngineWork>> work;
    std::vector<std::vector<Moved>> moved;  ///< by LayerId and MemoryId
    std::vector<TargetMemory> memories;     ///< those compiled for
    LayerBound bound;                       ///< of the emitted program
    std::optional<Repeat> repeat;
    std::vector<std::size_t> run_ends;  ///< by run: the number of commands up to its end
    Time predicted;                     ///< by the device's cost function, of all runs
    int candidates = 0;                 ///< mappings priced
    std::int64_t graph_macs = 0;        ///< of the network as given
    std::int64_t removed_macs = 0;      ///< by passes, named in `notes`
    /// Of the emitted program's layers, what their devices leave out: Device::skipped_macs.
    std::int64_t skipped_macs = 0;
    std::int64_t host_operations = 0;
    std::int64_t on_chip_bytes = 0;  ///< of a core's scratchpad: activations and weights kept
    std::int64_t memory_bytes = 0;   ///< of memory 0 in use
    std::vector<std::string> not_modelled;
    std::vector<std::string> notes;    ///< what passes did, in words
    std::vector<std::string> storage;  ///< how weights lie in memory, if not plainly
    /// Of several engines: which kernels are where, and what they would cost elsewhere.
    std::vector<std::string> placement;
    std::vector<std::pair<std::string, std::string>> dumps;  ///< pass -> text
};

/// "fold", "infer", "quantise", "fuse", "lower", "place", "map", "allocate", "emit".
[[nodiscard]] const std::vector<std::string>& pass_names();

/// From a network with known shapes to a program for one device. Throws UserError for what the user
/// can mend (a precision, an operator, a network larger than memory); a kernel that fits nowhere on
/// chip is an Infeasible naming it. Deterministic; names carry no meaning.
[[nodiscard]] std::variant<Compiled, Infeasible> compile(Graph graph, const CompileTarget& target,
                                                         const CompileOptions& options);

}  // namespace perfwatt
