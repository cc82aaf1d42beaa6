#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "sim/compiler/compiler.h"
#include "sim/compiler/passes.h"

namespace perfwatt {

/// A tensor that has bytes of its own, with its life in kernels.
struct Root {
    TensorId id;
    std::int64_t bytes = 0;
    TensorRole role = TensorRole::activation;
    int made = -1;  ///< kernel that first writes it; -1: there before the first
    int first_use = -1;
    int last_use = -1;
    bool on_host = false;     ///< a host kernel touches it
    int engine = -1;          ///< that alone touches it; -1: several do, or the host
    int home = 0;             ///< of several memories, that it lies in unless a shared one has room
    std::vector<int> shared;  ///< memories that are nobody's home and seen by all who touch it
    std::string layout;       ///< see Device::weight_layout()
    bool leaves = false;      ///< a result of the network
    std::int64_t reuse = 0;   ///< a weight: MACs a byte, of its first kernel
    std::int64_t outputs = 0;  ///< a weight that only products use, whole: of these; else 0
};

/// How much of an engine's scratchpad is left for tiles (and that share of its parts, if it is
/// partitioned), on how many of its cores the program runs, and which weights these cores divide
/// among themselves where they stay on chip: the others are kept by each core, whole.
struct EngineShare {
    std::int64_t reserve = 0;
    int cores = 1;
    std::vector<bool> divided;  ///< by root; empty: none
};

/// An engine's scratchpad once tensors have their places.
struct EngineRoom {
    Buffer free;  ///< for every kernel
    Buffer free_weights;
    std::int64_t on_chip_bytes = 0;
    /// By kernel: where what lives during it ends, and its tiles may begin; empty: `free` for all.
    std::vector<std::int64_t> begin;

    [[nodiscard]] Buffer free_at(std::size_t kernel) const {
        if (begin.empty()) return free;
        return {.address = begin[kernel], .bytes = free.address + free.bytes - begin[kernel]};
    }
};

/// Where everything lies, and what is left for tiles.
struct Allocation {
    std::vector<Placement> places;  ///< by root
    std::vector<bool> resident;     ///< by root: a weight kept on chip
    std::vector<EngineRoom> rooms;  ///< by engine
    std::int64_t memory_bytes = 0;  ///< of memory 0
};

/// The engines of a target, also where it names its only device.
[[nodiscard]] std::vector<TargetEngine> engines_of(const CompileTarget& target);

/// The engine that a kernel runs on; the host's.
inline constexpr int kHost = -1;

/// Decides where tensors live: activations on chip while they live if they fit, weights on chip for
/// good as long as room is left after them, the rest in memory. Tensors of repeated blocks are
/// treated alike, so that a block stands for the others.
class Allocator {
  public:
    /// `engine_of` by kernel: an engine of the target, or kHost.
    Allocator(const Graph& graph, const Lowered& lowered, std::vector<int> engine_of,
              const std::optional<Repeat>& repeat, const CompileTarget& target,
              const CompileOptions& options);

    /// `shares` by engine. Throws UserError if a memory cannot hold what has to be there.
    [[nodiscard]] Allocation allocate(const std::vector<EngineShare>& shares) const;

    [[nodiscard]] const std::vector<Root>& roots() const { return roots_; }
    /// As `engine` finds it: engines of different layouts have weights of their own.
    [[nodiscard]] int root_of(TensorId tensor, int engine) const;
    /// Where an operand lies for `engine`: a part of its root's place.
    [[nodiscard]] Placement placement(const Allocation& allocation, const Operand& operand,
                                      int engine) const;

  private:
    void find_roots();
    int find_root(TensorId tensor, int engine);
    void find_variants();
    void find_divisible();
    void find_homes();
    [[nodiscard]] bool sees(int engine, int memory) const;
    [[nodiscard]] int home_of(int engine) const;
    void place_on_chip(Allocation& out, int engine, const EngineShare& share) const;
    void place_activations(Allocation& out, int engine, std::int64_t capacity, int cores) const;
    void place_weights(Allocation& out, int engine, const EngineShare& share, std::int64_t begin,
                       std::int64_t end) const;
    void place_blocks_alike(Allocation& out, int engine) const;
    void find_begins(Allocation& out, int engine) const;
    void place_in_memory(Allocation& out) const;
    bool spill(Allocation& out, const std::vector<std::int64_t>& kept, bool reuse) const;
    [[nodiscard]] std::vector<std::vector<int>> weight_classes(int engine) const;

    const Graph& graph_;
    const Lowered& lowered_;
    const std::optional<Repeat>& repeat_;
    const CompileTarget& target_;
    const CompileOptions& options_;
    std::vector<int> engine_of_;  ///< by kernel
    std::vector<TargetEngine> engines_;
    std::vector<OnChipMemory> chips_;  ///< by engine
    std::vector<int> variant_;         ///< by engine; equal where weights lie alike
    std::vector<Root> roots_;
    std::vector<std::set<int>> touched_by_;  ///< by root: engines, kHost among them
    /// By TensorId, then variant: its root; -1: none touches it.
    std::vector<std::vector<int>> root_of_;
    std::map<std::pair<TensorId, int>, int> known_;  ///< by tensor and variant
};

/// Bytes that the first of `parts` cores keeps of a weight that they divide by its outputs.
[[nodiscard]] std::int64_t bytes_of_part(const Root& root, int parts);

}  // namespace perfwatt
