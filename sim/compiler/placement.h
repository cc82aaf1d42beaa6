#pragma once

#include <cstdint>
#include <optional>
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
    bool on_host = false;    ///< a host kernel touches it
    bool leaves = false;     ///< a result of the network
    std::int64_t reuse = 0;  ///< a weight: MACs a byte, of its first kernel
};

/// Where everything lies, and what is left for tiles.
struct Allocation {
    std::vector<Placement> places;  ///< by root
    std::vector<bool> resident;     ///< by root: a weight kept on chip
    Buffer free;
    Buffer free_weights;
    std::int64_t on_chip_bytes = 0;
    std::int64_t memory_bytes = 0;  ///< of memory 0
};

/// Decides where tensors live: activations on chip while they live if they fit, weights on chip for
/// good as long as room is left after them, the rest in memory. Tensors of repeated blocks are
/// treated alike, so that a block stands for the others.
class Allocator {
  public:
    Allocator(const Graph& graph, const Lowered& lowered, const std::vector<bool>& on_host,
              const std::optional<Repeat>& repeat, const CompileTarget& target,
              const CompileOptions& options);

    /// For a program on the first `cores` cores, with `reserve` bytes of the scratchpad (and that
    /// share of its parts, if it is partitioned) left for tiles. Throws UserError if memory 0
    /// cannot hold what has to be there.
    [[nodiscard]] Allocation allocate(std::int64_t reserve, int cores) const;

    [[nodiscard]] const std::vector<Root>& roots() const { return roots_; }
    [[nodiscard]] int root_of(TensorId tensor) const { return root_of_[tensor.index()]; }
    /// Where an operand lies: a part of its root's place.
    [[nodiscard]] Placement placement(const Allocation& allocation, const Operand& operand) const;

  private:
    void find_roots(const std::vector<bool>& on_host);
    void place_activations(Allocation& out, std::int64_t capacity, int cores) const;
    void place_weights(Allocation& out, std::int64_t begin, std::int64_t end) const;
    void place_in_memory(Allocation& out) const;
    [[nodiscard]] std::vector<std::vector<int>> weight_classes() const;

    const Graph& graph_;
    const Lowered& lowered_;
    const std::optional<Repeat>& repeat_;
    const CompileTarget& target_;
    const CompileOptions& options_;
    OnChipMemory chip_;
    std::vector<Root> roots_;
    std::vector<int> root_of_;  ///< by TensorId; -1: no kernel touches it
};

}  // namespace perfwatt
