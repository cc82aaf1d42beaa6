// Structured pruning: fewer channels between layers, alike wherever they meet.
#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "sim/base/diagnostics.h"
#include "sim/base/math.h"
#include "sim/compiler/lighten.h"
#include "sim/graph/operators.h"

namespace perfwatt {
namespace {

constexpr std::int64_t kMultiple = 8;

/// Channels made together and pruned together: one set is the outputs of one or more layers.
struct Set {
    int same_as = -1;  ///< another set, or itself the first
    std::int64_t size = 0;
    bool fixed = false;
};

/// How the channels of a tensor are made of sets, one behind the other, along `axis`.
struct Channels {
    std::size_t axis = 0;
    std::vector<int> sets;
};

class Pruner {
  public:
    Pruner(Graph& graph, std::int64_t percent) : graph_(graph), percent_(percent) {}

    int run() {
        count_readers();
        for (const Node& node : graph_.nodes) find(node);
        for (const TensorId output : graph_.outputs) fix(output);
        std::map<int, std::int64_t> sizes;
        for (int set = 0; set < static_cast<int>(sets_.size()); ++set)
            if (first(set) == set && kept(set) < sets_[static_cast<std::size_t>(set)].size)
                sizes[set] = kept(set);
        if (sizes.empty()) return 0;
        for (Node& node : graph_.nodes) resize(node);
        for (const auto& [id, channels] : channels_)
            graph_.tensor(id).shape[channels.axis] = total(channels);
        return static_cast<int>(sizes.size());
    }

  private:
    // --- sets of channels

    int make(std::int64_t size, bool fixed = false) {
        sets_.push_back({.same_as = static_cast<int>(sets_.size()), .size = size, .fixed = fixed});
        return static_cast<int>(sets_.size()) - 1;
    }

    [[nodiscard]] int first(int set) const {
        while (sets_[static_cast<std::size_t>(set)].same_as != set)
            set = sets_[static_cast<std::size_t>(set)].same_as;
        return set;
    }

    Set& root(int set) { return sets_[static_cast<std::size_t>(first(set))]; }

    void unite(int a, int b) {
        a = first(a);
        b = first(b);
        if (a == b) return;
        if (b < a) std::swap(a, b);
        sets_[static_cast<std::size_t>(a)].fixed |= sets_[static_cast<std::size_t>(b)].fixed;
        sets_[static_cast<std::size_t>(b)].same_as = a;
    }

    [[nodiscard]] std::int64_t kept(int set) {
        const Set& of = root(set);
        if (of.fixed) return of.size;
        return std::min(
            of.size, round_up(ceil_div(of.size * (100 - percent_), std::int64_t{100}), kMultiple));
    }

    [[nodiscard]] std::int64_t total(const Channels& channels) {
        std::int64_t sum = 0;
        for (const int set : channels.sets) sum += kept(set);
        return sum;
    }

    // --- what is known of tensors

    [[nodiscard]] const Tensor& tensor(TensorId id) const { return graph_.tensor(id); }

    [[nodiscard]] const Channels* of(TensorId id) const {
        const auto found = channels_.find(id);
        return found == channels_.end() ? nullptr : &found->second;
    }

    void fix(TensorId id) {
        if (const Channels* channels = of(id))
            for (const int set : channels->sets) root(set).fixed = true;
    }

    void fix_all(const Node& node) {
        for (const TensorId id : node.inputs)
            if (id.valid()) fix(id);
    }

    [[nodiscard]] bool trained(TensorId id) const {
        return tensor(id).role == TensorRole::weight || tensor(id).role == TensorRole::constant;
    }

    /// A weight that several operators read cannot follow each of them.
    void count_readers() {
        for (const Node& node : graph_.nodes)
            for (const TensorId id : node.inputs)
                if (id.valid() && trained(id)) ++readers_[id];
    }

    [[nodiscard]] bool alone(TensorId id) const {
        const auto found = readers_.find(id);
        return found != readers_.end() && found->second == 1;
    }

    [[nodiscard]] bool own_weights(const Node& node) const {
        for (const TensorId id : node.inputs)
            if (id.valid() && trained(id) && tensor(id).elements() > 1 && !alone(id)) return false;
        return true;
    }

    // --- operators

    void find(const Node& node) {
        if (node.outputs.empty() || !node.outputs[0].valid() || !own_weights(node)) {
            fix_all(node);
            return;
        }
        if (node.type == "Conv" || node.type == "ConvTranspose") {
            convolution(node);
        } else if (node.type == "MatMul" || node.type == "Gemm") {
            product(node);
        } else if (node.type == "Concat") {
            concat(node);
        } else if (node.type == "Flatten") {
            flatten(node);
        } else if (keeps_channels(node)) {
            passed_on(node);
        } else {
            fix_all(node);
        }
    }

    /// Whether an operator works on each channel by itself and keeps their number.
    [[nodiscard]] bool keeps_channels(const Node& node) const {
        if (node.type == "BatchNormalization" || node.type == "InstanceNormalization") return true;
        if (node.type == "LayerNormalization" || node.type == "RMSNormalization") {
            const Channels* channels = of(node.inputs[0]);
            return channels != nullptr && channels->axis + 1 == tensor(node.inputs[0]).shape.size();
        }
        const bool pools = node.type.find("Pool") != std::string::npos;
        if (pools || node.type == "Resize" || node.type == "Upsample" || node.type == "Identity" ||
            node.type == "Dropout")
            return true;
        return operator_class(node) == OperatorClass::elementwise &&
               node.type != "RotaryEmbedding" && node.type != "OneHot";
    }

    void convolution(const Node& node) {
        const Tensor& x = tensor(node.inputs[0]);
        const Shape& filter = tensor(node.inputs[1]).shape;
        const std::int64_t group = node.integer("group", 1);
        const Channels* in = of(node.inputs[0]);
        if (!trained(node.inputs[1]) || (in != nullptr && in->axis != 1)) return fix_all(node);
        if (group == 1) {
            const std::int64_t made = filter[node.type == "Conv" ? 0 : 1];
            channels_[node.outputs[0]] = {.axis = 1, .sets = {make(made)}};
        } else if (node.type == "Conv" && in != nullptr && group == x.shape[1] &&
                   filter[0] == group) {
            channels_[node.outputs[0]] = *in;
        } else {
            fix_all(node);
        }
    }

    void product(const Node& node) {
        const Tensor& x = tensor(node.inputs[0]);
        const Tensor& weights = tensor(node.inputs[1]);
        const Channels* in = of(node.inputs[0]);
        const bool plain = trained(node.inputs[1]) && !trained(node.inputs[0]) &&
                           weights.shape.size() == 2 && node.integer("transA", 0) == 0;
        if (!plain || (in != nullptr && in->axis + 1 != x.shape.size())) return fix_all(node);
        const Shape& made = tensor(node.outputs[0]).shape;
        channels_[node.outputs[0]] = {.axis = made.size() - 1, .sets = {make(made.back())}};
    }

    void concat(const Node& node) {
        const Shape& made = tensor(node.outputs[0]).shape;
        const auto axis = static_cast<std::size_t>(node.integer("axis", 1));
        std::optional<std::size_t> place;
        for (const TensorId id : node.inputs)
            if (const Channels* channels = of(id)) {
                if (place && *place != channels->axis) return fix_all(node);
                place = channels->axis;
            }
        if (!place) return;
        if (*place != axis) return passed_on(node);
        Channels joined{.axis = axis, .sets = {}};
        for (const TensorId id : node.inputs) {
            const Channels* channels = of(id);
            if (channels != nullptr)
                joined.sets.insert(joined.sets.end(), channels->sets.begin(), channels->sets.end());
            else
                joined.sets.push_back(make(tensor(id).shape[axis], true));
        }
        PERFWATT_CHECK(axis < made.size(), "a concatenation along no dimension");
        channels_[node.outputs[0]] = std::move(joined);
    }

    void flatten(const Node& node) {
        const Channels* in = of(node.inputs[0]);
        const Shape& x = tensor(node.inputs[0]).shape;
        if (in == nullptr) return;
        const bool single =
            in->axis == 1 && node.integer("axis", 1) == 1 &&
            std::all_of(x.begin() + 2, x.end(), [](auto size) { return size == 1; });
        if (!single) return fix_all(node);
        channels_[node.outputs[0]] = *in;
    }

    /// All data inputs meet channel by channel; what is trained has one value a channel, or one.
    void passed_on(const Node& node) {
        const Shape& made = tensor(node.outputs[0]).shape;
        std::optional<Channels> joint;
        for (const TensorId id : node.inputs)
            if (id.valid())
                if (const Channels* channels = of(id); channels != nullptr && !joint) {
                    joint = *channels;
                    joint->axis += made.size() - tensor(id).shape.size();
                }
        if (!joint) return;
        for (const TensorId id : node.inputs)
            if (id.valid() && !trained(id) && !meets(id, *joint, made)) return fix_all(node);
        for (const TensorId id : node.inputs)
            if (id.valid() && trained(id) && !follows(node, id, *joint, made)) return fix_all(node);
        channels_[node.outputs[0]] = *joint;
    }

    bool meets(TensorId id, const Channels& joint, const Shape& made) {
        const Shape& shape = tensor(id).shape;
        if (shape.size() + joint.axis < made.size()) return true;  // too short to have channels
        const std::size_t axis = joint.axis + shape.size() - made.size();
        if (shape[axis] == 1) return true;
        const Channels* channels = of(id);
        if (channels == nullptr || channels->axis != axis ||
            channels->sets.size() != joint.sets.size())
            return false;
        for (std::size_t i = 0; i < joint.sets.size(); ++i)
            if (root(joint.sets[i]).size != root(channels->sets[i]).size) return false;
        for (std::size_t i = 0; i < joint.sets.size(); ++i) unite(joint.sets[i], channels->sets[i]);
        return true;
    }

    [[nodiscard]] bool follows(const Node& node, TensorId id, const Channels& joint,
                               const Shape& made) const {
        return tensor(id).elements() <= 1 || axis_of(node, id, joint.axis, made).has_value();
    }

    /// Where a trained operand of an operator that keeps channels has its channels.
    [[nodiscard]] std::optional<std::size_t> axis_of(const Node& node, TensorId id,
                                                     std::size_t axis, const Shape& made) const {
        const Shape& shape = tensor(id).shape;
        if (operator_class(node) == OperatorClass::reduce)
            return shape.size() == 1 ? std::optional<std::size_t>(0) : std::nullopt;
        if (shape.size() + axis < made.size()) return std::nullopt;
        const std::size_t own = axis + shape.size() - made.size();
        if (shape[own] != made[axis]) return std::nullopt;
        return own;
    }

    // --- new sizes

    void set(TensorId id, std::size_t axis, const Channels& channels) {
        graph_.tensor(id).shape[axis] = total(channels);
    }

    void resize(Node& node) {
        if (node.outputs.empty() || !node.outputs[0].valid() || !own_weights(node)) return;
        const Channels* in = node.inputs.empty() ? nullptr : of(node.inputs[0]);
        const Channels* out = of(node.outputs[0]);
        if (node.type == "Conv" || node.type == "ConvTranspose") {
            const bool plain = node.integer("group", 1) == 1;
            const std::size_t made = node.type == "Conv" ? 0 : 1;
            if (out != nullptr) set(node.inputs[1], made, *out);
            if (in != nullptr && plain) set(node.inputs[1], 1 - made, *in);
            if (out != nullptr && node.inputs.size() > 2) set(node.inputs[2], 0, *out);
            if (out != nullptr && !plain) node.attributes["group"] = total(*out);
        } else if (node.type == "MatMul" || node.type == "Gemm") {
            const bool transposed = node.integer("transB", 0) != 0;
            if (in != nullptr && trained(node.inputs[1]))
                set(node.inputs[1], transposed ? 1 : 0, *in);
            if (out != nullptr) set(node.inputs[1], transposed ? 0 : 1, *out);
            if (out != nullptr && node.inputs.size() > 2 && node.inputs[2].valid())
                set(node.inputs[2], tensor(node.inputs[2]).shape.size() - 1, *out);
        } else if (out != nullptr && keeps_channels(node)) {
            const Shape made = tensor(node.outputs[0]).shape;
            for (const TensorId id : node.inputs) {
                if (!id.valid() || !trained(id) || tensor(id).elements() <= 1) continue;
                if (const auto axis = axis_of(node, id, out->axis, made)) set(id, *axis, *out);
            }
        }
    }

    Graph& graph_;
    std::int64_t percent_;
    std::vector<Set> sets_;
    std::map<TensorId, Channels> channels_;
    std::map<TensorId, int> readers_;
};

}  // namespace

int prune_channels(Graph& graph, std::int64_t percent) { return Pruner(graph, percent).run(); }

}  // namespace perfwatt
