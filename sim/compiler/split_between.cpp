#include "sim/compiler/split_between.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

#include "sim/base/diagnostics.h"
#include "sim/base/math.h"
#include "sim/compiler/placement.h"
#include "sim/compiler/plan.h"

namespace perfwatt {
namespace {

/// Shares tried of a product, where the engine does not say how many outputs it does at a time.
constexpr std::int64_t kParts = 64;
/// A share that gains less than one part in so many gains less than costs are exact.
constexpr std::int64_t kWorthwhile = 32;

/// A product with rows of weights that nobody else reads: those alone are cut.
const Contraction* divisible(const Graph& graph, const Lowered& lowered, std::size_t i,
                             const std::map<std::size_t, int>& readers) {
    const Kernel& kernel = lowered.kernels[i];
    const auto* work = std::get_if<Contraction>(&kernel.work);
    if (work == nullptr || work->g != 1 || work->r * work->s != 1 || work->k < 2) return nullptr;
    if (!kernel.fused_pooling.empty() || kernel.outputs.size() != 1) return nullptr;
    if (!is_trained(kernel.inputs[1].role)) return nullptr;
    const TensorId weights = kernel.inputs[1].tensor;
    const Alias& alias = lowered.aliases[weights.index()];
    if (alias.root != weights || readers.at(weights.index()) != 1) return nullptr;
    if (graph.tensor(weights).elements() % work->k != 0) return nullptr;
    return kernel.outputs[0].bytes % work->k == 0 ? work : nullptr;
}

std::map<std::size_t, int> readers_of(const Lowered& lowered) {
    std::map<std::size_t, int> readers;
    for (const Kernel& kernel : lowered.kernels)
        for (const Operand& input : kernel.inputs)
            ++readers[lowered.aliases[input.tensor.index()].root.index()];
    return readers;
}

/// The best share of one kernel between two engines, whether or not it gains anything.
std::optional<ProductShare> best_share(const Kernel& kernel, const Contraction& work, int i,
                                       const std::vector<EngineCost>& costs, int memory, int host,
                                       const std::vector<TargetEngine>& engines) {
    const auto m = static_cast<std::size_t>(memory);
    const auto h = static_cast<std::size_t>(host);
    if (!costs[m].cost || !costs[h].cost) return std::nullopt;
    const std::int64_t at_once =
        std::max(engines[m].device->outputs_at_once(kernel), ceil_div(work.k, kParts));
    const std::int64_t tiles = ceil_div(work.k, at_once);
    // Both start on what they do not have: each is launched, at the same time.
    const Time launch = std::max(engines[m].launch, engines[h].launch);
    const bool turns = costs[m].memory == costs[h].memory;
    std::optional<ProductShare> best;
    for (std::int64_t tile = 1; tile < tiles; ++tile) {
        const std::int64_t outputs = tile * at_once;
        const auto part = [](Time time, std::int64_t of, std::int64_t all) {
            return Time{static_cast<std::int64_t>(static_cast<Int128>(time.fs) * of / all)};
        };
        Time end = std::max(part(*costs[m].cost, tile, tiles),
                            part(*costs[h].cost, work.k - outputs, work.k));
        if (turns)
            end = std::max(end, part(costs[m].busy, tile, tiles) +
                                    part(costs[h].busy, work.k - outputs, work.k));
        end += launch;
        if (best && end >= best->expected) continue;
        best = ProductShare{.kernel = i,
                            .first = memory,
                            .second = host,
                            .outputs = outputs,
                            .whole = std::min(*costs[m].cost, *costs[h].cost),
                            .expected = end};
    }
    return best;
}

std::string part_name(const std::string& name, std::int64_t from, std::int64_t to) {
    return fmt::format("{}[{}:{}]", name, from, to);
}

class Cutter {
  public:
    Cutter(Graph& graph, Lowered& lowered) : graph_(graph), lowered_(lowered) {}

    std::vector<int> run(const std::vector<ProductShare>& shares) {
        Lowered out;
        std::vector<int> engines;
        std::size_t next = 0;
        for (std::size_t i = 0; i < lowered_.kernels.size(); ++i) {
            const auto add = [&](Kernel kernel, std::int64_t macs, int engine) {
                out.kernels.push_back(std::move(kernel));
                out.macs.push_back(macs);
                out.node_of.push_back(lowered_.node_of[i]);
                engines.push_back(engine);
            };
            if (next == shares.size() || shares[next].kernel != static_cast<int>(i)) {
                add(std::move(lowered_.kernels[i]), lowered_.macs[i], -1);
                continue;
            }
            const ProductShare& share = shares[next++];
            const std::int64_t all = std::get<Contraction>(lowered_.kernels[i].work).k;
            const std::int64_t first = lowered_.macs[i] / all * share.outputs;
            add(part(lowered_.kernels[i], 0, share.outputs, all), first, share.first);
            add(part(lowered_.kernels[i], share.outputs, all, all), lowered_.macs[i] - first,
                share.second);
        }
        lowered_.kernels = std::move(out.kernels);
        lowered_.macs = std::move(out.macs);
        lowered_.node_of = std::move(out.node_of);
        return engines;
    }

  private:
    [[nodiscard]] Kernel part(const Kernel& whole, std::int64_t from, std::int64_t to,
                              std::int64_t all) {
        Kernel kernel = whole;
        kernel.name = part_name(whole.name, from, to);
        std::get<Contraction>(kernel.work).k = to - from;
        for (Elementwise& step : kernel.epilogue) step.elements = step.elements / all * (to - from);
        kernel.inputs[1] = rows_of(whole.inputs[1], from, to, all);
        for (std::size_t i = 2; i < kernel.inputs.size(); ++i)
            kernel.inputs[i] = slice_of(whole.inputs[i], from, to, all);
        kernel.outputs[0] = slice_of(whole.outputs[0], from, to, all);
        return kernel;
    }
    TensorId add(Tensor tensor, const Alias& alias) {
        const TensorId id{static_cast<std::int32_t>(graph_.tensors.size())};
        graph_.tensors.push_back(std::move(tensor));
        lowered_.aliases.push_back(alias.root.valid() ? alias : Alias{.root = id});
        return id;
    }
    /// Weights of some outputs: a tensor of their own, in their engine's layout.
    Operand rows_of(const Operand& whole, std::int64_t from, std::int64_t to, std::int64_t all) {
        Tensor tensor = graph_.tensor(whole.tensor);
        tensor.name = part_name(tensor.name, from, to);
        tensor.shape = {to - from, tensor.elements() / all};
        tensor.stored = tensor.stored * to / all - tensor.stored * from / all;
        Operand part = whole;
        part.bytes = tensor.bytes();
        part.tensor = add(std::move(tensor), {});
        return part;
    }
    /// A part of an operand that has a value for each output; others are read whole by both.
    Operand slice_of(const Operand& whole, std::int64_t from, std::int64_t to, std::int64_t all) {
        if (whole.bytes % all != 0) return whole;
        const Tensor& own = graph_.tensor(whole.tensor);
        if (own.elements() % all != 0) return whole;
        Tensor tensor = own;
        tensor.name = part_name(own.name, from, to);
        tensor.shape = {to - from, own.elements() / all};
        Alias alias = lowered_.aliases[whole.tensor.index()];
        alias.offset_bytes += whole.bytes / all * from;
        Operand part = whole;
        part.bytes = whole.bytes / all * (to - from);
        part.tensor = add(std::move(tensor), alias);
        return part;
    }

    Graph& graph_;
    Lowered& lowered_;
};

}  // namespace

std::vector<ProductShare> find_shares(const Graph& graph, const Lowered& lowered,
                                      const ChosenPlan& chosen,
                                      const std::vector<TargetEngine>& engines,
                                      std::vector<std::string>& notes) {
    std::vector<ProductShare> shares;
    if (engines.size() < 2 || chosen.costs.empty()) return shares;
    const std::map<std::size_t, int> readers = readers_of(lowered);
    std::map<std::string, std::optional<ProductShare>> known;
    std::optional<ProductShare> nearest;
    for (std::size_t i = 0; i < lowered.kernels.size(); ++i) {
        const Kernel& kernel = lowered.kernels[i];
        const Contraction* work = divisible(graph, lowered, i, readers);
        if (work == nullptr) continue;
        auto [found, fresh] = known.emplace(signature(kernel), std::nullopt);
        if (fresh) {
            for (std::size_t m = 0; m < engines.size(); ++m)
                for (std::size_t h = 0; h < engines.size(); ++h) {
                    if (!computes_in_memory(*engines[m].device) ||
                        computes_in_memory(*engines[h].device))
                        continue;
                    auto share = best_share(kernel, *work, static_cast<int>(i), chosen.costs[i],
                                            static_cast<int>(m), static_cast<int>(h), engines);
                    if (share && (!found->second || share->expected < found->second->expected))
                        found->second = share;
                }
        }
        if (!found->second) continue;
        ProductShare share = *found->second;
        share.kernel = static_cast<int>(i);
        if (share.expected + Time{share.whole.fs / kWorthwhile} < share.whole) {
            shares.push_back(share);
        } else if (!nearest ||
                   static_cast<double>(share.expected.fs) * nearest->whole.seconds() <
                       static_cast<double>(nearest->expected.fs) * share.whole.seconds()) {
            nearest = share;
        }
    }
    if (shares.empty() && nearest) {
        const Kernel& kernel = lowered.kernels[static_cast<std::size_t>(nearest->kernel)];
        const auto& costs = chosen.costs[static_cast<std::size_t>(nearest->kernel)];
        const auto m = static_cast<std::size_t>(nearest->first);
        const auto h = static_cast<std::size_t>(nearest->second);
        notes.push_back(fmt::format(
            "split: no product: '{}' comes nearest, {:.4g} us side by side and {:.4g} us on one "
            "engine ({} keeps the memory {:.4g} us, {} {:.4g} us; launch {:.4g} us)",
            kernel.name, nearest->expected.ns() / 1000, nearest->whole.ns() / 1000, engines[m].name,
            costs[m].busy.ns() / 1000, engines[h].name, costs[h].busy.ns() / 1000,
            std::max(engines[m].launch, engines[h].launch).ns() / 1000));
    }
    return shares;
}

std::vector<ProductShare> shares_in(const CompileOptions& options, const Lowered& lowered,
                                    const std::vector<TargetEngine>& engines) {
    std::vector<ProductShare> shares;
    const auto engine_of = [&](const std::string& name) {
        const auto given = options.mappings.find(name);
        if (given == options.mappings.end())
            throw UserError(fmt::format("a mapping is given for one part of a product only: that "
                                        "of '{}' is missing",
                                        name),
                            "mappings name both parts of a split product");
        const std::string named = engine_named_in(given->second);
        for (std::size_t e = 0; e < engines.size(); ++e)
            if (engines[e].name == named) return static_cast<int>(e);
        throw UserError(
            fmt::format("the mapping of kernel '{}' is for engine '{}', which the chip "
                        "lacks",
                        name, named));
    };
    for (std::size_t i = 0; i < lowered.kernels.size(); ++i) {
        const Kernel& kernel = lowered.kernels[i];
        const auto* work = std::get_if<Contraction>(&kernel.work);
        if (work == nullptr) continue;
        const std::string start = kernel.name + "[0:";
        const auto first = options.mappings.lower_bound(start);
        if (first == options.mappings.end() || first->first.rfind(start, 0) != 0) continue;
        const auto outputs =
            positive_number(std::string_view(first->first)
                                .substr(start.size(), first->first.size() - start.size() - 1));
        if (!outputs || *outputs >= work->k)
            throw UserError(fmt::format("'{}' is no part of kernel '{}', which has {} outputs",
                                        first->first, kernel.name, work->k));
        shares.push_back({.kernel = static_cast<int>(i),
                          .first = engine_of(first->first),
                          .second = engine_of(part_name(kernel.name, *outputs, work->k)),
                          .outputs = *outputs,
                          .whole = {},
                          .expected = {}});
    }
    return shares;
}

std::vector<int> split_between(Graph& graph, Lowered& lowered,
                               const std::vector<ProductShare>& shares) {
    return Cutter(graph, lowered).run(shares);
}

std::vector<std::string> share_notes(const Lowered& before, const std::vector<ProductShare>& shares,
                                     const std::vector<TargetEngine>& engines) {
    std::vector<std::pair<const ProductShare*, int>> groups;
    std::map<std::string, std::size_t> known;
    for (const ProductShare& share : shares) {
        const Kernel& kernel = before.kernels[static_cast<std::size_t>(share.kernel)];
        const auto [found, fresh] = known.emplace(signature(kernel), groups.size());
        if (fresh) groups.emplace_back(&share, 0);
        ++groups[found->second].second;
    }
    std::vector<std::string> notes;
    for (const auto& [share, count] : groups) {
        const Kernel& kernel = before.kernels[static_cast<std::size_t>(share->kernel)];
        const std::int64_t all = std::get<Contraction>(kernel.work).k;
        std::string text =
            fmt::format("split: {} '{}'{}: {} of {} outputs ({:.0f} %) on {}, the rest on {}",
                        kernel.operator_type, kernel.name,
                        count > 1 ? fmt::format(" and {} alike", count - 1) : "", share->outputs,
                        all, 100.0 * static_cast<double>(share->outputs) / static_cast<double>(all),
                        engines[static_cast<std::size_t>(share->first)].name,
                        engines[static_cast<std::size_t>(share->second)].name);
        if (share->whole > Time::zero())
            text += fmt::format(": {:.4g} us side by side, {:.4g} us on one engine",
                                share->expected.ns() / 1000, share->whole.ns() / 1000);
        notes.push_back(std::move(text));
    }
    return notes;
}

}  // namespace perfwatt
