#pragma once

#include <string>
#include <vector>

#include "sim/compiler/compiler.h"
#include "sim/compiler/engines.h"
#include "sim/compiler/passes.h"

namespace perfwatt {

/// A product whose outputs two engines share: `outputs` of them, the first ones, on `first`, the
/// rest on `second`, each with its own rows of the weights.
struct ProductShare {
    int kernel = 0;  ///< of the network before any is split
    int first = 0;   ///< an engine with units in memory
    int second = 0;
    std::int64_t outputs = 0;
    Time whole;     ///< on the engine that is quicker alone; zero where a mapping asked for it
    Time expected;  ///< side by side, with launches and the turns at a memory that both use
};

/// Shares of all products that engines with units in memory and others would end sooner side by
/// side than alone, by the costs of `chosen`: work divides evenly but for
/// Device::outputs_at_once(), and a memory serves one after the other. `notes` tells why none is,
/// where none is.
[[nodiscard]] std::vector<ProductShare> find_shares(const Graph& graph, const Lowered& lowered,
                                                    const ChosenPlan& chosen,
                                                    const std::vector<TargetEngine>& engines,
                                                    std::vector<std::string>& notes);

/// Shares that given mappings ask for: of kernels named 'NAME[0:n]' on one engine, 'NAME[n:k]' on
/// another. Throws UserError where a share lacks its other half.
[[nodiscard]] std::vector<ProductShare> shares_in(const CompileOptions& options,
                                                  const Lowered& lowered,
                                                  const std::vector<TargetEngine>& engines);

/// Cuts the kernels in two, in place, with tensors of their own or parts of others'; returns for
/// each kernel the engine that it is meant for, or -1.
[[nodiscard]] std::vector<int> split_between(Graph& graph, Lowered& lowered,
                                             const std::vector<ProductShare>& shares);

/// What was shared, a line for kernels alike.
[[nodiscard]] std::vector<std::string> share_notes(const Lowered& before,
                                                   const std::vector<ProductShare>& shares,
                                                   const std::vector<TargetEngine>& engines);

}  // namespace perfwatt
