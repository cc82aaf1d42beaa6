#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/config/schema.h"

/// What one entry of a workload's `layers` may say; private to the reader of layer lists.
namespace perfwatt::layer_list {

enum class NormKind { batch, layer, rms, instance };
enum class UpsampleMode { nearest, bilinear };
enum class Join { add, multiply, concat };
enum class PoolKind { max, average, global_average, global_max };
enum class RecurrentKind { lstm, gru, rnn };

struct ConvLayer {
    std::int64_t filters = 1, kernel = 1, stride = 1, padding = 0, dilation = 1, groups = 1;
    std::optional<std::int64_t> kernel_width, padding_width;
    std::int64_t output_padding = 0;  ///< of a transposed one
    bool bias = false;
    std::optional<NormKind> norm;   ///< after it
    std::optional<int> activation;  ///< after the norm: row of kActivations
};

struct LinearLayer {
    std::int64_t features = 1;
    bool bias = true;
};

struct MatMulLayer {
    std::string with;
    bool transpose = false;
};

struct PoolLayer {
    PoolKind kind = PoolKind::max;
    std::int64_t kernel = 1, padding = 0;
    std::optional<std::int64_t> stride;
    bool ceil = false;
};

struct WithLayer {
    std::vector<std::string> with;
    std::int64_t axis = 1;
};

struct AxisLayer {
    std::int64_t axis = -1;
};

struct SliceLayer {
    std::int64_t axis = 1, start = 0, end = 1;
};

/// A trained tensor that is added, multiplied, or put before the tokens.
struct TrainedLayer {
    std::vector<std::int64_t> shape;
};

struct BlockLayer {
    std::int64_t block = 2;
};

struct GroupNormLayer {
    std::int64_t groups = 1;
};

struct TokensLayer {
    std::int64_t tokens = 1;
};

struct AttentionLayer {
    std::int64_t heads = 1;
    std::optional<std::int64_t> kv_heads, head_dim;
    std::optional<std::string> context;
    std::optional<bool> output_bias;
    bool bias = false, rotary = false;
};

/// Attention without projections.
struct AttendLayer {
    std::int64_t heads = 1;
    std::optional<std::int64_t> kv_heads;
    std::string keys, values;
    bool score_bias = false;
};

struct EmbeddingLayer {
    std::int64_t vocabulary = 1, hidden = 1;
};

struct UpsampleLayer {
    std::int64_t scale = 2;
    std::int64_t rows = 0, columns = 0;  ///< of `resize`: the size itself
    UpsampleMode mode = UpsampleMode::nearest;
};

struct ShapeLayer {
    std::vector<std::int64_t> shape;
    std::optional<std::string> like;  ///< a layer whose rows and columns are put behind
};

struct PermLayer {
    std::vector<std::int64_t> perm;
};

struct RecurrentLayer {
    RecurrentKind kind = RecurrentKind::lstm;
    std::int64_t hidden = 1;
    bool bidirectional = false;
};

/// One entry of a list: exactly one operator or group is present.
struct Layer {
    std::optional<std::string> name;
    std::optional<std::string> from;
    std::int64_t repeat = 1;
    std::optional<ConvLayer> conv, depthwise, conv_transpose;
    std::optional<LinearLayer> linear;
    std::optional<MatMulLayer> matmul;
    std::optional<PoolLayer> pool;
    std::optional<NormKind> norm;
    std::optional<GroupNormLayer> group_norm;
    std::optional<int> activation;  ///< row of kActivations
    std::optional<WithLayer> add, multiply, concat;
    std::optional<TrainedLayer> offset, scale;
    std::optional<TokensLayer> prepend;
    std::optional<AxisLayer> softmax, flatten, mean;
    std::optional<SliceLayer> slice;
    std::optional<AttentionLayer> attention;
    std::optional<AttendLayer> attend;
    std::optional<EmbeddingLayer> embedding;
    std::optional<UpsampleLayer> upsample, resize;
    std::optional<BlockLayer> depth_to_space, space_to_depth;
    std::optional<ShapeLayer> reshape;
    std::optional<PermLayer> transpose;
    std::optional<RecurrentLayer> recurrent;
    const ConfigNode* layers = nullptr;
    const ConfigNode* branches = nullptr;
    std::optional<Join> join;
};

/// Names of activations and the operators they are.
inline constexpr std::array<std::pair<std::string_view, std::string_view>, 12> kActivations = {{
    {"relu", "Relu"},
    {"relu6", "Clip"},
    {"leaky_relu", "LeakyRelu"},
    {"sigmoid", "Sigmoid"},
    {"tanh", "Tanh"},
    {"gelu", "Gelu"},
    {"silu", "Swish"},
    {"elu", "Elu"},
    {"hard_swish", "HardSwish"},
    {"hard_sigmoid", "HardSigmoid"},
    {"mish", "Mish"},
    {"softplus", "Softplus"},
}};

[[nodiscard]] MapSchema<Layer> layer_schema();

}  // namespace perfwatt::layer_list
