#include "sim/compiler/lighten.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <map>
#include <set>

#include "sim/arch/device.h"
#include "sim/base/diagnostics.h"
#include "sim/base/math.h"
#include "sim/compiler/precision.h"
#include "sim/graph/operators.h"

namespace perfwatt {
namespace {

using Kind = LightenPass::Kind;

constexpr std::array<std::pair<std::string_view, TensorClass>, 8> kClasses = {{
    {"weights", TensorClass::weights},
    {"first", TensorClass::first},
    {"last", TensorClass::last},
    {"conv", TensorClass::conv},
    {"depthwise", TensorClass::depthwise},
    {"linear", TensorClass::linear},
    {"embedding", TensorClass::embedding},
    {"cache", TensorClass::cache},
}};

constexpr std::array<std::pair<std::string_view, WeightFormat>, 3> kFormats = {{
    {"bitmap", WeightFormat::bitmap},
    {"csr", WeightFormat::csr},
    {"rlc", WeightFormat::run_length},
}};

constexpr std::array<std::pair<std::string_view, DataType>, 6> kTypes = {{
    {"int4", DataType::int4},
    {"int8", DataType::int8},
    {"int16", DataType::int16},
    {"fp8", DataType::fp8},
    {"fp16", DataType::fp16},
    {"bf16", DataType::bf16},
}};

template <class Rows>
auto find_row(const Rows& rows, std::string_view name) {
    return std::find_if(rows.begin(), rows.end(),
                        [&](const auto& row) { return row.first == name; });
}

std::vector<std::string> split(std::string_view text, char at) {
    std::vector<std::string> parts;
    for (;;) {
        const std::size_t end = text.find(at);
        parts.emplace_back(text.substr(0, end));
        if (end == std::string_view::npos) return parts;
        text.remove_prefix(end + 1);
    }
}

/// A whole number from `least` to `most`, or nothing.
std::optional<std::int64_t> number(std::string_view text, std::int64_t least, std::int64_t most) {
    std::int64_t value = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (problem != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    if (value < least || value > most) return std::nullopt;
    return value;
}

/// "1.5" in thousandths, above 1.
std::optional<std::int64_t> ratio(std::string_view text) {
    const std::size_t dot = text.find('.');
    const auto whole = number(text.substr(0, dot), 1, 1000);
    if (!whole) return std::nullopt;
    std::int64_t thousandths = *whole * 1000;
    if (dot != std::string_view::npos) {
        std::string digits(text.substr(dot + 1));
        if (digits.empty() || digits.size() > 3) return std::nullopt;
        digits.resize(3, '0');
        const auto part = number(digits, 0, 999);
        if (!part) return std::nullopt;
        thousandths += *part;
    }
    if (thousandths <= 1000) return std::nullopt;
    return thousandths;
}

[[noreturn]] void refuse(const std::string& name) {
    throw UserError(fmt::format("there is no lightening '{}'", name), lighten_forms());
}

/// "CLASS_TYPE" and, for caches, "kv8", "kv4", "kv16".
std::optional<LightenPass> typed(const std::string& name, const std::vector<std::string>& words) {
    LightenPass pass{.kind = Kind::type, .name = name};
    if (name == "kv4" || name == "kv8" || name == "kv16") {
        pass.tensors = TensorClass::cache;
        pass.type = name == "kv4"   ? DataType::int4
                    : name == "kv8" ? DataType::int8
                                    : DataType::fp16;
        return pass;
    }
    if (words.size() != 2) return std::nullopt;
    const auto tensors = find_row(kClasses, words[0]);
    const auto type = find_row(kTypes, words[1]);
    if (tensors == kClasses.end() || type == kTypes.end()) return std::nullopt;
    pass.tensors = tensors->second;
    pass.type = type->second;
    return pass;
}

std::optional<LightenPass> pruned(const std::string& name, const std::vector<std::string>& words) {
    if (words.size() == 3 && words[0] == "prune" && words[1] == "channels") {
        const auto percent = number(words[2], 1, 95);
        if (!percent) return std::nullopt;
        return LightenPass{.kind = Kind::channels, .name = name, .kept = 100 - *percent, .of = 100};
    }
    if (words.size() == 3 && words[0] == "prune") {
        const auto kept = number(words[1], 1, 64);
        const auto of = number(words[2], 2, 64);
        if (!kept || !of || *kept >= *of) return std::nullopt;
        return LightenPass{.kind = Kind::n_of_m,
                           .name = name,
                           .kept = *kept,
                           .of = *of,
                           .format = WeightFormat::n_of_m};
    }
    if ((words.size() == 2 || words.size() == 3) && words[0] == "sparse") {
        const auto percent = number(words[1], 1, 99);
        const auto format = words.size() == 3 ? find_row(kFormats, words[2]) : kFormats.begin();
        if (!percent || format == kFormats.end()) return std::nullopt;
        return LightenPass{.kind = Kind::sparse,
                           .name = name,
                           .kept = 100 - *percent,
                           .of = 100,
                           .format = format->second};
    }
    return std::nullopt;
}

LightenPass pass_from(const std::string& name) {
    const std::vector<std::string> known = precisions();
    if (std::find(known.begin(), known.end(), name) != known.end())
        return {.kind = Kind::precision, .name = name};
    const std::vector<std::string> words = split(name, '_');
    if (const auto pass = typed(name, words)) return *pass;
    if (const auto pass = pruned(name, words)) return *pass;
    if (words.size() == 2 && words[0] == "compress")
        if (const auto thousandths = ratio(words[1]))
            return {.kind = Kind::compress,
                    .name = name,
                    .format = WeightFormat::compressed,
                    .ratio_thousandths = *thousandths};
    // Scales make weights larger: the same as a coder that makes them smaller, but for what it
    // needs.
    if (words.size() == 2 && words[0] == "scales")
        if (const auto percent = number(words[1], 1, 100))
            return {.kind = Kind::compress,
                    .name = name,
                    .format = WeightFormat::compressed,
                    .ratio_thousandths = 100'000 / (100 + *percent)};
    if (words.size() == 2 && words[0] == "lowrank" && words[1].starts_with("r"))
        if (const auto rank = number(std::string_view(words[1]).substr(1), 1, 1 << 20))
            return {.kind = Kind::low_rank, .name = name, .rank = *rank};
    refuse(name);
}

/// Whether some device multiplies values of these types.
bool multiplied(DataType first, DataType second, const std::vector<const Device*>& devices) {
    return std::any_of(devices.begin(), devices.end(), [&](const Device* device) {
        return device->peak(first, second).macs_per_second > 0;
    });
}

bool is_depthwise(const Graph& graph, const Node& node) {
    if (node.type != "Conv") return false;
    const Shape& filter = graph.tensor(node.inputs[1]).shape;
    return filter.size() > 1 && filter[1] == 1 && node.integer("group", 1) > 1;
}

/// Values along the reduction of a trained operand.
std::int64_t reduction(const Graph& graph, const Node& node, std::size_t place) {
    const Shape& shape = graph.tensor(node.inputs[place]).shape;
    if (node.is_recurrent()) return shape.back();
    if (node.type == "ConvTranspose") return shape[0];
    if (node.type == "Gemm")
        return place == 0 ? shape[node.integer("transA", 0) != 0 ? 0 : 1]
                          : shape[node.integer("transB", 0) != 0 ? 1 : 0];
    if (node.type == "MatMul" || node.type == "Einsum")
        return place == 0 || shape.size() < 2 ? shape.back() : shape[shape.size() - 2];
    return std::max<std::int64_t>(1, element_count(shape) / std::max<std::int64_t>(1, shape[0]));
}

/// Trained operands of contractions that nothing else reads, with their reductions.
std::map<TensorId, std::int64_t> weights_alone(const Graph& graph) {
    std::map<TensorId, std::int64_t> weights;
    std::set<TensorId> elsewhere;
    for (const Node& node : graph.nodes) {
        const std::vector<std::size_t> places = trained_operands(graph, node);
        for (std::size_t i = 0; i < node.inputs.size(); ++i) {
            if (!node.inputs[i].valid()) continue;
            if (std::find(places.begin(), places.end(), i) == places.end() ||
                is_depthwise(graph, node))
                elsewhere.insert(node.inputs[i]);
            else
                weights.emplace(node.inputs[i], reduction(graph, node, i));
        }
    }
    for (const TensorId id : elsewhere) weights.erase(id);
    return weights;
}

std::set<TensorId> tensors_of(const Graph& graph, TensorClass wanted) {
    std::set<TensorId> found;
    std::vector<const Node*> contractions;
    for (const Node& node : graph.nodes) {
        if (wanted == TensorClass::embedding && node.type == "Gather" && node.inputs[0].valid() &&
            graph.tensor(node.inputs[0]).role == TensorRole::weight)
            found.insert(node.inputs[0]);
        if (!trained_operands(graph, node).empty()) contractions.push_back(&node);
    }
    if (wanted == TensorClass::cache)
        for (std::size_t i = 0; i < graph.tensors.size(); ++i)
            if (graph.tensors[i].role == TensorRole::state)
                found.insert({static_cast<std::int32_t>(i)});
    for (const Node* node : contractions) {
        const bool depthwise = is_depthwise(graph, *node);
        const bool conv = node->type.find("Conv") != std::string::npos;
        const bool matches = wanted == TensorClass::weights ||
                             (wanted == TensorClass::first && node == contractions.front()) ||
                             (wanted == TensorClass::last && node == contractions.back()) ||
                             (wanted == TensorClass::depthwise && depthwise) ||
                             (wanted == TensorClass::conv && conv && !depthwise) ||
                             (wanted == TensorClass::linear && !conv);
        if (!matches) continue;
        for (const std::size_t place : trained_operands(graph, *node))
            found.insert(node->inputs[place]);
    }
    return found;
}

std::string size_text(const Graph& graph) {
    return fmt::format("{} MACs, {} parameters", macs(graph), parameters(graph));
}

int set_types(Graph& graph, const LightenPass& pass) {
    const std::set<TensorId> tensors = tensors_of(graph, pass.tensors);
    for (const TensorId id : tensors) graph.tensor(id).wanted_type = pass.type;
    return static_cast<int>(tensors.size());
}

int set_sparsity(Graph& graph, const LightenPass& pass) {
    int changed = 0;
    for (const auto& [id, row] : weights_alone(graph)) {
        if (row < pass.of && pass.kind == Kind::n_of_m) continue;
        Tensor& weights = graph.tensor(id);
        weights.sparsity = {.pattern = pass.kind == Kind::n_of_m ? Sparsity::Pattern::n_of_m
                                                                 : Sparsity::Pattern::unstructured,
                            .kept = pass.kept,
                            .of = pass.of};
        weights.storage = {.format = pass.format, .row = row};
        ++changed;
    }
    return changed;
}

int set_compression(Graph& graph, const LightenPass& pass) {
    int changed = 0;
    for (const auto& [id, row] : weights_alone(graph)) {
        WeightStorage& storage = graph.tensor(id).storage;
        if (storage.format != WeightFormat::plain) continue;
        storage = {.format = pass.format, .ratio_thousandths = pass.ratio_thousandths, .row = row};
        ++changed;
    }
    return changed;
}

int apply(Graph& graph, const LightenPass& pass) {
    switch (pass.kind) {
        case Kind::precision:
            return 1;
        case Kind::type:
            return set_types(graph, pass);
        case Kind::channels:
            return prune_channels(graph, pass.of - pass.kept);
        case Kind::n_of_m:
        case Kind::sparse:
            return set_sparsity(graph, pass);
        case Kind::compress:
            return set_compression(graph, pass);
        case Kind::low_rank:
            return factorise(graph, pass.rank);
    }
    check_failed("a pass", __FILE__, __LINE__, pass.name);
}

int bits_for(std::int64_t values) {
    int width = 0;
    while ((std::int64_t{1} << width) < values) ++width;
    return width;
}

/// Whether weights are kept with scales, which multiply sums, or values that are converted anyway:
/// no hardware is needed that reads them.
bool has_scales(const WeightStorage& storage) {
    return storage.format == WeightFormat::compressed && storage.ratio_thousandths < 1000;
}

std::string_view format_name(WeightFormat format) {
    switch (format) {
        case WeightFormat::plain:
            return "plain";
        case WeightFormat::n_of_m:
            return "n of m";
        case WeightFormat::bitmap:
            return "bitmap";
        case WeightFormat::csr:
            return "csr";
        case WeightFormat::run_length:
            return "run length";
        case WeightFormat::compressed:
            return "compressed";
    }
    check_failed("a format", __FILE__, __LINE__, "unknown");
}

}  // namespace

std::string lighten_forms() {
    return fmt::format(
        "none; a precision ({}); CLASS_TYPE with CLASS one of weights, first, last, conv, "
        "depthwise, linear, embedding, cache and TYPE one of int4, int8, int16, fp8, fp16, bf16; "
        "kv4, kv8, kv16; prune_channels_PERCENT; prune_N_M; sparse_PERCENT, followed by _bitmap, "
        "_csr or _rlc; compress_RATIO (1.5); scales_PERCENT (12: of a weight's bytes, added by the "
        "scales of groups); lowrank_rN; several joined by '+'",
        fmt::join(precisions(), ", "));
}

std::vector<LightenPass> lighten_passes(const std::vector<std::string>& texts) {
    std::vector<LightenPass> passes;
    for (const std::string& text : texts)
        for (const std::string& name : split(text, '+'))
            if (name != "none") passes.push_back(pass_from(name));
    return passes;
}

Lightened lighten(Graph& graph, const std::vector<LightenPass>& passes) {
    Lightened result;
    for (const LightenPass& pass : passes) {
        const std::string before = size_text(graph);
        const int changed = apply(graph, pass);
        if (pass.kind == Kind::precision) result.precision = pass.name;
        std::string note = changed == 0
                               ? fmt::format("{}: nothing in this network to do it on", pass.name)
                               : fmt::format("{}: done", pass.name);
        if (const std::string after = size_text(graph); after != before)
            note += fmt::format(", from {} to {}", before, after);
        else if (changed > 0 && pass.kind != Kind::precision)
            note += fmt::format(" on {} tensors", changed);
        result.notes.push_back(std::move(note));
    }
    return result;
}

std::int64_t stored_bytes(const Tensor& tensor) {
    const std::int64_t elements = tensor.elements();
    const int width = bits(tensor.type);
    const std::int64_t kept = ceil_div(elements * tensor.sparsity.kept, tensor.sparsity.of);
    const auto in_bytes = [](std::int64_t count) { return ceil_div(count, std::int64_t{8}); };
    switch (tensor.storage.format) {
        case WeightFormat::plain:
            return tensor.plain_bytes();
        case WeightFormat::n_of_m:
            return in_bytes(kept * (width + bits_for(tensor.sparsity.of)));
        case WeightFormat::bitmap:
            return in_bytes(kept * width + elements);
        case WeightFormat::csr: {
            const std::int64_t row = std::max<std::int64_t>(1, tensor.storage.row);
            return in_bytes(kept * (width + bits_for(row)) + 32 * (ceil_div(elements, row) + 1));
        }
        case WeightFormat::run_length: {
            const double zeros = 1 - static_cast<double>(tensor.sparsity.kept) /
                                         static_cast<double>(tensor.sparsity.of);
            const double run = std::pow(zeros, 16);
            const auto fillers =
                static_cast<std::int64_t>(std::ceil(static_cast<double>(kept) * run / (1 - run)));
            return in_bytes((kept + fillers) * (width + 4));
        }
        case WeightFormat::compressed:
            return ceil_div(tensor.plain_bytes() * 1000, tensor.storage.ratio_thousandths);
    }
    check_failed("a format", __FILE__, __LINE__, "unknown");
}

std::string runnable_precision(const std::string& asked, const std::string& otherwise,
                               const std::vector<const Device*>& devices,
                               std::vector<std::string>& notes) {
    const Precision wanted = precision_from(asked);
    const auto width = [](const Precision& one) {
        return bits(one.weights) + bits(one.activations);
    };
    std::string best;
    for (const std::string& name : precisions()) {
        const Precision one = precision_from(name);
        const bool fits = bits(one.weights) >= bits(wanted.weights) &&
                          bits(one.activations) >= bits(wanted.activations) &&
                          is_floating(one.activations) == is_floating(wanted.activations);
        if (!fits || !multiplied(one.activations, one.weights, devices)) continue;
        if (best.empty() || width(one) < width(precision_from(best))) best = name;
        if (name == asked) {
            best = name;
            break;
        }
    }
    if (best.empty()) best = otherwise;
    if (best != asked)
        notes.push_back(
            fmt::format("the chip does not compute in {}: {} is computed in", asked, best));
    return best;
}

std::vector<std::string> settle_types(Graph& graph, const Precision& precision,
                                      const std::vector<const Device*>& devices) {
    std::set<TensorId> operands;
    for (const Node& node : graph.nodes) {
        if (operator_class(node) != OperatorClass::contraction) continue;
        operands.insert(node.inputs.begin(), node.inputs.end());
    }
    std::set<DataType> refused;
    for (std::size_t i = 0; i < graph.tensors.size(); ++i) {
        Tensor& tensor = graph.tensors[i];
        const bool cache = tensor.role == TensorRole::state;
        if (!tensor.wanted_type || (!cache && !operands.contains({static_cast<std::int32_t>(i)})))
            continue;
        if (multiplied(precision.activations, *tensor.wanted_type, devices)) continue;
        refused.insert(*tensor.wanted_type);
        tensor.wanted_type.reset();
    }
    std::vector<std::string> notes;
    for (const DataType type : refused)
        notes.push_back(
            fmt::format("the chip does not multiply {} by {}: such tensors stay as wide "
                        "as the network's precision",
                        to_string(precision.activations), to_string(type)));
    return notes;
}

std::vector<std::string> settle_storage(Graph& graph, const std::vector<const Device*>& devices) {
    // Plain and stored bytes, of weights and of maps.
    std::map<std::pair<WeightFormat, bool>, std::pair<std::int64_t, std::int64_t>> sums;
    std::set<WeightFormat> refused;
    std::int64_t scaled = 0;
    for (Tensor& tensor : graph.tensors) {
        const WeightFormat format = tensor.storage.format;
        tensor.stored = 0;
        if (format == WeightFormat::plain) continue;
        if (has_scales(tensor.storage)) {
            tensor.stored = stored_bytes(tensor);
            scaled += tensor.stored - tensor.plain_bytes();
            continue;
        }
        const bool read = std::all_of(devices.begin(), devices.end(), [&](const Device* device) {
            return device->decodes(format);
        });
        const bool weights = is_trained(tensor.role);
        if (!read) {
            if (weights) refused.insert(format);
            continue;
        }
        const std::int64_t bytes = stored_bytes(tensor);
        if (bytes >= tensor.plain_bytes()) continue;  // the overhead would be more than the gain
        tensor.stored = bytes;
        auto& [plain, stored] = sums[{format, weights}];
        plain += tensor.plain_bytes();
        stored += bytes;
    }
    std::vector<std::string> notes;
    for (const auto& [what, sum] : sums)
        notes.push_back(fmt::format("{} bytes of {} are stored in {} bytes ({})", sum.first,
                                    what.second ? "weights" : "maps", sum.second,
                                    format_name(what.first)));
    if (scaled > 0) notes.push_back(fmt::format("scales of weights add {} bytes", scaled));
    for (const WeightFormat format : refused)
        notes.push_back(
            fmt::format("the chip does not read weights stored as '{}': they are kept "
                        "plainly",
                        format_name(format)));
    return notes;
}

std::vector<std::size_t> trained_operands(const Graph& graph, const Node& node) {
    std::vector<std::size_t> places;
    if (operator_class(node) != OperatorClass::contraction) return places;
    const std::size_t end = node.is_recurrent() ? 3 : 2;
    for (std::size_t i = 0; i < std::min(end, node.inputs.size()); ++i)
        if (node.inputs[i].valid() && graph.tensor(node.inputs[i]).role == TensorRole::weight)
            places.push_back(i);
    return places;
}

}  // namespace perfwatt
