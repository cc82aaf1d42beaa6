#include "sim/compiler/chains.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/arch/chains.h"
#include "sim/base/diagnostics.h"

namespace perfwatt {
namespace {

constexpr std::string_view kWord = "chain_goes_on_for";
constexpr int kMostKernels = 4;

/// How often each root is read, and whether it is a result of the network.
struct Uses {
    std::vector<int> readers;
    std::vector<bool> leaves;

    Uses(const Graph& graph, const Lowered& lowered)
        : readers(lowered.aliases.size(), 0), leaves(lowered.aliases.size(), false) {
        for (const Kernel& kernel : lowered.kernels)
            for (const Operand& input : kernel.inputs)
                ++readers[lowered.aliases[input.tensor.index()].root.index()];
        for (const TensorId output : graph.outputs)
            leaves[lowered.aliases[output.index()].root.index()] = true;
    }
};

bool is_layer(const Kernel& kernel) {
    return std::holds_alternative<Contraction>(kernel.work) && kernel.inputs.size() >= 2 &&
           kernel.outputs.size() == 1 && is_trained(kernel.inputs[1].role);
}

bool is_whole(const Lowered& lowered, TensorId tensor) {
    return lowered.aliases[tensor.index()].root == tensor;
}

/// Whether `next` has all that `kernel` makes as its first operand, and nobody else has any.
bool hands_on(const Uses& uses, const Lowered& lowered, const Kernel& kernel, const Kernel& next) {
    const TensorId made = kernel.outputs[0].tensor;
    return next.inputs[0].tensor == made && is_whole(lowered, made) &&
           next.inputs[0].bytes == kernel.outputs[0].bytes && uses.readers[made.index()] == 1 &&
           !uses.leaves[made.index()];
}

}  // namespace

std::vector<Chain> find_chains(const Graph& graph, const Lowered& lowered, const Plan& plan,
                               const std::vector<TargetEngine>& engines) {
    std::vector<Chain> chains;
    if (std::none_of(engines.begin(), engines.end(), [](const TargetEngine& engine) {
            return dynamic_cast<const FusesChains*>(engine.device) != nullptr;
        }))
        return chains;
    const Uses uses(graph, lowered);
    const auto kernels = static_cast<int>(lowered.kernels.size());
    const auto at = [&](int i) -> const Kernel& {
        return lowered.kernels[static_cast<std::size_t>(i)];
    };
    for (int i = 0; i < kernels; ++i) {
        const int engine = plan.engine_of[static_cast<std::size_t>(i)];
        if (engine == kHost || !is_layer(at(i))) continue;
        const auto* device =
            dynamic_cast<const FusesChains*>(engines[static_cast<std::size_t>(engine)].device);
        if (device == nullptr) continue;
        std::vector<const Kernel*> chain = {&at(i)};
        int last = i;
        for (int j = i + 1; j < std::min(kernels, i + kMostKernels); ++j) {
            if (plan.engine_of[static_cast<std::size_t>(j)] != engine || !is_layer(at(j)) ||
                !hands_on(uses, lowered, at(j - 1), at(j)))
                break;
            chain.push_back(&at(j));
            if (device->fuses(chain)) last = j;
        }
        if (last == i) continue;
        chains.push_back({.first = i, .last = last});
        i = last;
    }
    return chains;
}

Lowered fuse_chains(const Lowered& lowered, const std::vector<Chain>& chains) {
    Lowered fused = lowered;
    for (const Chain& chain : chains) {
        const auto first = static_cast<std::size_t>(chain.first);
        const auto last = static_cast<std::size_t>(chain.last);
        for (std::size_t i = first; i < last; ++i) {
            fused.kernels[i].outputs[0].bytes = 0;
            fused.kernels[i + 1].inputs[0].bytes = 0;
        }
        std::vector<Operand>& ends = fused.kernels[last].inputs;
        for (std::size_t i = 2; i < ends.size(); ++i)
            if (ends[i].tensor == fused.kernels[first].inputs[0].tensor) ends[i].bytes = 0;
    }
    return fused;
}

std::string describe(const Chain& chain, const Lowered& lowered) {
    return fmt::format("fused: '{}' to '{}' are one launch",
                       lowered.kernels[static_cast<std::size_t>(chain.first)].name,
                       lowered.kernels[static_cast<std::size_t>(chain.last)].name);
}

Mapping chain_words(const Chain& chain, int kernel) {
    if (kernel < chain.first || kernel >= chain.last) return {};
    return {{std::string(kWord), std::to_string(chain.last - kernel)}};
}

Mapping without_chain(const Mapping& mapping) {
    Mapping rest = mapping;
    std::erase_if(rest, [](const auto& entry) { return entry.first == kWord; });
    return rest;
}

std::vector<Chain> chains_in(const std::map<std::string, Mapping>& mappings,
                             const Lowered& lowered) {
    std::vector<Chain> chains;
    const auto kernels = static_cast<int>(lowered.kernels.size());
    for (int i = 0; i < kernels; ++i) {
        const std::string& name = lowered.kernels[static_cast<std::size_t>(i)].name;
        const auto given = mappings.find(name);
        if (given == mappings.end()) continue;
        for (const auto& [key, value] : given->second) {
            if (key != kWord) continue;
            const auto more = positive_number(value);
            const bool fits = more && *more < kMostKernels && i + *more < kernels;
            for (int j = i; fits && j < i + *more; ++j) {
                const Kernel& kernel = lowered.kernels[static_cast<std::size_t>(j)];
                const Kernel& next = lowered.kernels[static_cast<std::size_t>(j) + 1];
                if (!is_layer(kernel) || !is_layer(next) ||
                    next.inputs[0].tensor != kernel.outputs[0].tensor)
                    throw UserError(fmt::format("mapping: '{}' hands nothing on to '{}'",
                                                kernel.name, next.name),
                                    "");
            }
            if (!fits)
                throw UserError(
                    fmt::format("mapping: '{}: {}' of '{}' names no kernels", key, value, name),
                    "");
            if (!chains.empty() && chains.back().last >= i) continue;  // inside of one
            chains.push_back({.first = i, .last = i + static_cast<int>(*more)});
        }
    }
    return chains;
}

}  // namespace perfwatt
