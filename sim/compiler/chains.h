#pragma once

#include <map>
#include <string>
#include <vector>

#include "sim/compiler/plan.h"

namespace perfwatt {

/// Kernels `first` to `last` as one launch: see FusesChains.
struct Chain {
    int first = 0, last = 0;
};

/// The longest runs of contractions that their engine can fuse: each result has one reader, the
/// kernel after it, and leaves no trace elsewhere.
[[nodiscard]] std::vector<Chain> find_chains(const Graph& graph, const Lowered& lowered,
                                             const Plan& plan,
                                             const std::vector<TargetEngine>& engines);

/// The same kernels; what a chain hands on has no bytes, nor has its own input where its last
/// kernel adds it to the result.
[[nodiscard]] Lowered fuse_chains(const Lowered& lowered, const std::vector<Chain>& chains);

/// For a line of the report.
[[nodiscard]] std::string describe(const Chain& chain, const Lowered& lowered);

/// What tells a chain in the mapping of each of its kernels: how many come after it.
[[nodiscard]] Mapping chain_words(const Chain& chain, int kernel);
/// A mapping without those words.
[[nodiscard]] Mapping without_chain(const Mapping& mapping);
/// The chains that dumped mappings name; throws UserError where the network has no such kernels.
[[nodiscard]] std::vector<Chain> chains_in(const std::map<std::string, Mapping>& mappings,
                                           const Lowered& lowered);

}  // namespace perfwatt
