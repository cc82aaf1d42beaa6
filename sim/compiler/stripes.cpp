#include "sim/compiler/stripes.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "sim/base/diagnostics.h"
#include "sim/base/math.h"

namespace perfwatt {
namespace {

constexpr const char* kKernels = "depth_first";
constexpr const char* kStripes = "stripes";
constexpr const char* kHeld = "held_weights";
constexpr const char* kRows = "whole_rows";

std::string stripe_name(const std::string& kernel, std::size_t stripe, int stripes) {
    return fmt::format("{}[{}/{}]", kernel, stripe + 1, stripes);
}

TensorId root_of(const Lowered& lowered, const Operand& operand) {
    return lowered.aliases[operand.tensor.index()].root;
}

/// The part of a kernel that makes `rows` of its `height` rows.
void take_rows(Kernel& kernel, const KernelRows& all, RowRange rows) {
    const auto share = [&](std::int64_t amount) { return amount * rows.size() / all.height; };
    if (auto* work = std::get_if<Contraction>(&kernel.work)) {
        work->n = 1;
        work->p = rows.size();
        work->input_h = all.inputs[0].rows(rows).size();
        for (Elementwise& step : kernel.epilogue) step.elements = share(step.elements);
    } else if (auto* elementwise = std::get_if<Elementwise>(&kernel.work)) {
        elementwise->elements = share(elementwise->elements);
    } else if (auto* reduce = std::get_if<Reduce>(&kernel.work)) {
        reduce->elements = share(reduce->elements);
    } else if (auto* move = std::get_if<Move>(&kernel.work)) {
        move->bytes = share(move->bytes);
    }
}

/// Cuts one group after the other.
class Cutter {
  public:
    Cutter(Graph& graph, const Stripes& stripes)
        : graph_(graph), stripes_(stripes), from_(stripes.lowered()) {
        out_.aliases = from_.aliases;
        // Tensors of cuts that were not taken.
        for (std::size_t i = out_.aliases.size(); i < graph.tensors.size(); ++i)
            out_.aliases.push_back({.root = {static_cast<std::int32_t>(i)}, .offset_bytes = 0});
        out_.notes = from_.notes;
    }

    Lowered run(const std::vector<StripeGroup>& groups) {
        auto group = groups.begin();
        for (int i = 0; i < static_cast<int>(from_.kernels.size()); ++i) {
            if (group != groups.end() && group->first == i) {
                cut(*group);
                i = group->last;
                ++group;
            } else {
                add(from_.kernels[static_cast<std::size_t>(i)], i, true);
            }
        }
        return std::move(out_);
    }

  private:
    void add(Kernel kernel, int original, bool first) {
        const auto from = static_cast<std::size_t>(original);
        if (first) {
            layer_[original] = static_cast<int>(out_.layers.size());
            out_.layers.push_back({.name = from_.kernels[from].name,
                                   .operator_type = from_.kernels[from].operator_type,
                                   .macs = from_.macs[from]});
        }
        out_.kernels.push_back(std::move(kernel));
        out_.node_of.push_back(from_.node_of[from]);
        out_.macs.push_back(first ? from_.macs[from] : 0);
        out_.original.push_back(original);
        out_.layer_of.push_back(layer_.at(original));
    }

    TensorId tensor(const Tensor& like, std::int64_t size, const std::string& suffix) {
        Tensor made{.name = like.name + suffix,
                    .shape = {size},
                    .type = DataType::int8,
                    .role = like.role,
                    .values = {}};
        const TensorId id = graph_.add(std::move(made));
        out_.aliases.push_back({.root = id, .offset_bytes = 0});
        return id;
    }

    /// Rows of a tensor that lies in one piece.
    Operand slice(const Operand& whole, std::int64_t height, RowRange rows) {
        const std::int64_t row = whole.bytes / height;
        Operand part = whole;
        part.bytes = row * rows.size();
        part.tensor = tensor(Tensor(graph_.tensor(whole.tensor)), part.bytes, ".rows");
        const Alias at = from_.aliases[whole.tensor.index()];
        out_.aliases[part.tensor.index()] = {.root = at.root,
                                             .offset_bytes = at.offset_bytes + row * rows.begin};
        return part;
    }

    /// Fetched ahead of the first stripe into a place of its own.
    Operand hold(const Operand& weights, int original) {
        const Kernel& user = from_.kernels[static_cast<std::size_t>(original)];
        Operand held = weights;
        held.role = TensorRole::activation;
        Tensor like = graph_.tensor(weights.tensor);
        like.role = TensorRole::activation;
        held.tensor = tensor(like, weights.bytes, ".held");
        Kernel fetch;
        fetch.name = user.name + ".weights";
        fetch.operator_type = user.operator_type;
        fetch.work = Move{.bytes = weights.bytes, .run_bytes = weights.bytes};
        fetch.inputs = {weights};
        fetch.outputs = {held};
        add(std::move(fetch), original, true);
        return held;
    }

    void cut(const StripeGroup& group) {
        const auto plan = stripes_.plan(group);
        PERFWATT_CHECK(plan.has_value(), "cutting kernels that cannot be cut");
        std::map<TensorId, TensorId> ring_of;
        for (const auto& [root, size] : plan->kept)
            ring_of[root] = tensor(Tensor(graph_.tensor(root)), size, ".live");
        std::map<int, Operand> held;
        for (int i = group.first; i <= group.last && group.hold_weights; ++i) {
            const Kernel& kernel = from_.kernels[static_cast<std::size_t>(i)];
            if (std::holds_alternative<Contraction>(kernel.work))
                held.emplace(i, hold(kernel.inputs[1], i));
        }
        for (std::size_t s = 0; s < static_cast<std::size_t>(group.stripes); ++s)
            for (int i = group.first; i <= group.last; ++i) {
                const auto at = static_cast<std::size_t>(i);
                const RowRange rows = plan->made[at - static_cast<std::size_t>(group.first)][s];
                if (rows.size() == 0) continue;
                Kernel part = from_.kernels[at];
                part.name = stripe_name(part.name, s, group.stripes);
                const KernelRows& all = *stripes_.rows(i);
                take_rows(part, all, rows);
                const auto place = [&](Operand& operand, std::int64_t height, RowRange wanted) {
                    const auto ring = ring_of.find(root_of(from_, operand));
                    if (ring == ring_of.end()) {
                        operand = slice(operand, height, wanted);
                        return;
                    }
                    operand.bytes = operand.bytes / height * wanted.size();
                    operand.tensor = ring->second;
                };
                for (std::size_t j = 0; j < part.inputs.size(); ++j) {
                    const RowWindow& window = all.inputs[j];
                    if (!window.whole) place(part.inputs[j], window.height, window.rows(rows));
                }
                if (held.contains(i)) part.inputs[1] = held.at(i);
                for (Operand& output : part.outputs) place(output, all.height, rows);
                add(std::move(part), i, !layer_.contains(i));
            }
    }

    Graph& graph_;
    const Stripes& stripes_;
    const Lowered& from_;
    Lowered out_;
    std::map<int, int> layer_;  ///< by kernel as it was
};

}  // namespace

Stripes::Stripes(const Graph& graph, const Lowered& lowered)
    : graph_(graph),
      lowered_(lowered),
      rows_(rows_of(graph, lowered)),
      touches_(lowered.aliases.size()),
      leaves_(lowered.aliases.size(), false) {
    const auto note = [&](const Operand& operand, int kernel, int input) {
        const Alias& alias = lowered.aliases[operand.tensor.index()];
        const bool whole =
            alias.offset_bytes == 0 && operand.bytes == graph.tensor(alias.root).bytes();
        touches_[alias.root.index()].push_back({kernel, input, whole});
    };
    for (std::size_t i = 0; i < lowered.kernels.size(); ++i) {
        const Kernel& kernel = lowered.kernels[i];
        for (std::size_t j = 0; j < kernel.inputs.size(); ++j)
            note(kernel.inputs[j], static_cast<int>(i), static_cast<int>(j));
        for (const Operand& output : kernel.outputs) note(output, static_cast<int>(i), -1);
    }
    for (const TensorId output : graph.outputs)
        leaves_[lowered.aliases[output.index()].root.index()] = true;
}

/// Tensors that one kernel of the group makes and others of it read: rows of all of it.
std::optional<std::vector<Stripes::Handed>> Stripes::handed_on(const StripeGroup& group) const {
    std::vector<Handed> all;
    for (int i = group.first; i <= group.last; ++i)
        if (!rows(i)) return std::nullopt;
    for (int i = group.first; i <= group.last; ++i) {
        for (const Operand& output : lowered_.kernels[static_cast<std::size_t>(i)].outputs) {
            const TensorId root = root_of(lowered_, output);
            Handed handed{.root = root,
                          .maker = static_cast<std::size_t>(i - group.first),
                          .readers = {},
                          .inside = !leaves_[root.index()] &&
                                    graph_.tensor(root).role == TensorRole::activation};
            bool parts = false;
            for (const Touch& touch : touches_[root.index()]) {
                const bool outside = touch.kernel < group.first || touch.kernel > group.last;
                if (outside) handed.inside = false;
                if (outside || (touch.kernel == i && touch.input < 0)) {
                    parts = parts || (!outside && !touch.whole);
                    continue;
                }
                if (touch.input < 0 || !touch.whole) return std::nullopt;
                const RowWindow& window =
                    rows(touch.kernel)->inputs[static_cast<std::size_t>(touch.input)];
                if (window.whole || window.height != rows(i)->height) return std::nullopt;
                handed.readers.push_back(
                    {static_cast<std::size_t>(touch.kernel - group.first), window});
            }
            if (handed.readers.empty()) continue;
            if (parts) return std::nullopt;
            all.push_back(std::move(handed));
        }
    }
    return all;
}

std::int64_t Stripes::images(int first, int last) const {
    std::int64_t most = 1;
    for (int i = first; i <= last; ++i)
        if (rows(i)) most = std::max(most, rows(i)->images);
    return most;
}

std::optional<StripePlan> Stripes::plan(const StripeGroup& group) const {
    const auto count = static_cast<std::size_t>(group.last - group.first + 1);
    const auto stripes = static_cast<std::size_t>(group.stripes);
    const auto height_of = [&](std::size_t i) {
        return rows(group.first + static_cast<int>(i))->height;
    };
    const auto handed = handed_on(group);
    if (!handed || height_of(count - 1) < group.stripes) return std::nullopt;
    const std::int64_t images = this->images(group.first, group.last);
    for (int i = group.first; i <= group.last; ++i) {  // all of one batch
        const std::int64_t own = rows(i)->images;
        if (rows(i)->height % images != 0 || (own > 1 && own != images)) return std::nullopt;
    }
    if (group.stripes % images != 0) return std::nullopt;
    const std::int64_t of_image = group.stripes / images;
    std::vector<const Handed*> made_by(count, nullptr);
    for (const Handed& tensor : *handed) made_by[tensor.maker] = &tensor;

    StripePlan plan;
    plan.made.assign(count, std::vector<RowRange>(stripes));
    for (std::size_t s = 0; s < stripes; ++s)
        for (std::size_t i = count; i-- > 0;) {
            const std::int64_t done = s > 0 ? plan.made[i][s - 1].end : 0;
            const std::int64_t image = static_cast<std::int64_t>(s) / of_image;
            const std::int64_t next_of_it = static_cast<std::int64_t>(s) % of_image + 1;
            const std::int64_t height = height_of(i) / images;
            std::int64_t end = done;
            if (next_of_it == of_image) {
                end = (image + 1) * height;
            } else if (made_by[i] == nullptr) {
                const std::int64_t share = ceil_div(height * next_of_it, of_image);
                end = image * height + std::min(height, round_up(share, group.rows));
            } else {
                for (const Reader& reader : made_by[i]->readers)
                    if (const RowRange next = plan.made[reader.kernel][s]; next.size() > 0)
                        end = std::max(end, reader.window.rows(next).end);
            }
            plan.made[i][s] = {done, end};
        }
    for (const Handed& tensor : *handed) {
        if (!tensor.inside) continue;
        // Rows that somebody still reads once a stripe of it has been made.
        std::int64_t live = 0;
        for (std::size_t s = 0; s < stripes; ++s) {
            const std::int64_t end = plan.made[tensor.maker][s].end;
            std::int64_t oldest = end;
            for (const Reader& reader : tensor.readers) {
                const RowRange next = plan.made[reader.kernel][s];
                if (next.begin < height_of(reader.kernel))
                    oldest =
                        std::min(oldest, reader.window.rows({next.begin, next.begin + 1}).begin);
            }
            live = std::max(live, end - oldest);
        }
        const std::int64_t size =
            graph_.tensor(tensor.root).bytes() / height_of(tensor.maker) * live;
        plan.kept.emplace(tensor.root, size);
        plan.kept_bytes += size;
    }
    if (plan.kept.empty()) return std::nullopt;
    return plan;
}

Lowered cut_into_stripes(Graph& graph, const Stripes& stripes,
                         const std::vector<StripeGroup>& groups) {
    return Cutter(graph, stripes).run(groups);
}

std::string describe(const StripeGroup& group, const Stripes& stripes) {
    const auto plan = stripes.plan(group);
    const auto name = [&](int kernel) {
        return stripes.lowered().kernels[static_cast<std::size_t>(kernel)].name;
    };
    std::int64_t whole = 0;
    if (plan)
        for (const auto& [root, live] : plan->kept) whole += stripes.graph().tensor(root).bytes();
    return fmt::format(
        "'{}' to '{}' run depth-first in {} stripes: of {} bytes that they hand on, {} are live",
        name(group.first), name(group.last), group.stripes, whole, plan ? plan->kept_bytes : 0);
}

std::string first_stripe(const StripeGroup& group, const Lowered& uncut) {
    return stripe_name(uncut.kernels[static_cast<std::size_t>(group.first)].name, 0, group.stripes);
}

Mapping group_words(const StripeGroup& group) {
    return {{kKernels, std::to_string(group.last - group.first + 1)},
            {kStripes, std::to_string(group.stripes)},
            {kHeld, group.hold_weights ? "yes" : "no"},
            {kRows, std::to_string(group.rows)}};
}

Mapping without_group(const Mapping& mapping) {
    Mapping rest = mapping;
    std::erase_if(rest, [](const auto& entry) {
        return entry.first == kKernels || entry.first == kStripes || entry.first == kHeld ||
               entry.first == kRows;
    });
    return rest;
}

std::vector<StripeGroup> groups_in(const std::map<std::string, Mapping>& mappings,
                                   const Graph& graph, const Lowered& lowered) {
    std::vector<StripeGroup> groups;
    for (const auto& [name, mapping] : mappings) {
        std::map<std::string, std::string> words(mapping.begin(), mapping.end());
        if (!words.contains(kKernels)) continue;
        const auto kernels = positive_number(words[kKernels]);
        const auto stripes = positive_number(words[kStripes]);
        const auto rows = positive_number(words.contains(kRows) ? words[kRows] : "1");
        std::size_t first = 0;
        while (first < lowered.kernels.size() && stripes && rows &&
               stripe_name(lowered.kernels[first].name, 0, static_cast<int>(*stripes)) != name)
            ++first;
        if (!kernels || !stripes || !rows ||
            first + static_cast<std::size_t>(*kernels) > lowered.kernels.size())
            throw UserError(
                fmt::format("a mapping runs '{}' stripe by stripe, which network '{}' "
                            "does not have",
                            name, graph.name));
        groups.push_back({.first = static_cast<int>(first),
                          .last = static_cast<int>(first) + static_cast<int>(*kernels) - 1,
                          .stripes = static_cast<int>(*stripes),
                          .hold_weights = words[kHeld] == "yes",
                          .rows = *rows});
    }
    std::sort(groups.begin(), groups.end(),
              [](const StripeGroup& a, const StripeGroup& b) { return a.first < b.first; });
    return groups;
}

}  // namespace perfwatt
