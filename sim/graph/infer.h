#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sim/graph/constant.h"
#include "sim/graph/graph.h"
#include "sim/graph/shape.h"

namespace perfwatt {

/// What is known of an input while a node's outputs are inferred.
struct KnownInput {
    bool present = true;
    Shape shape = {};
    DataType type = DataType::fp32;
    const Constant* contents = nullptr;  ///< null: only the shape is known
};

/// What ONNX attributes hold beyond the graph's own attribute types.
struct ExtraAttributes {
    std::map<std::string, std::vector<double>> reals = {};
    std::map<std::string, Constant> tensors = {};
};

/// A node whose outputs are to be found. Every problem is a ShapeError.
class InferContext {
  public:
    Node& node;
    int opset = 17;
    std::vector<KnownInput> inputs;
    std::size_t output_count = 1;
    const ExtraAttributes* extra = nullptr;
    /// Set by the operator's row.
    std::vector<std::pair<Shape, DataType>> outputs;
    /// The inputs that stay data; the others have become attributes. Empty: all stay.
    std::optional<std::vector<std::size_t>> kept;

    explicit InferContext(Node& of) : node(of) {}

    [[nodiscard]] bool has(std::size_t i) const { return i < inputs.size() && inputs[i].present; }
    [[nodiscard]] const Shape& shape(std::size_t i) const;
    [[nodiscard]] DataType type(std::size_t i) const;
    [[nodiscard]] std::size_t rank(std::size_t i) const { return shape(i).size(); }
    [[nodiscard]] std::int64_t dimension(std::size_t i, std::size_t axis) const;
    void require_rank(std::size_t i, std::size_t at_least, std::size_t at_most) const;

    /// A parameter that is an attribute in some opsets and an input in others.
    [[nodiscard]] std::optional<std::vector<std::int64_t>> parameter(const char* key,
                                                                     std::size_t input) const;
    /// The same, which must be known: otherwise a ShapeError that says so.
    [[nodiscard]] std::vector<std::int64_t> known(const char* key, std::size_t input) const;
    [[nodiscard]] std::optional<std::vector<double>> real_parameter(const char* key,
                                                                    std::size_t input) const;
    void set(const char* key, Attribute value) { node.attributes[key] = std::move(value); }
    void add_output(Shape shape, DataType type) { outputs.emplace_back(std::move(shape), type); }
    void add_output(Shape shape) { add_output(std::move(shape), type(0)); }
};

// The rows' functions, by file.
// infer_pointwise.cpp
void infer_same(InferContext&);       ///< as the first input
void infer_broadcast(InferContext&);  ///< all inputs broadcast, type of the first
void infer_compare(InferContext&);    ///< all inputs broadcast, boolean
void infer_test(InferContext&);       ///< as the first input, boolean
void infer_where(InferContext&);
void infer_cast(InferContext&);
void infer_clip(InferContext&);
void infer_dropout(InferContext&);
void infer_quantize(InferContext&);
void infer_dequantize(InferContext&);
void infer_dynamic_quantize(InferContext&);
void infer_normalize(InferContext&);  ///< norms: data first, then scale and bias
void infer_skip_normalize(InferContext&);
void infer_softmax(InferContext&);
void infer_reduce(InferContext&);
void infer_arg_reduce(InferContext&);
void infer_cumsum(InferContext&);
void infer_rotary(InferContext&);
void infer_combine(InferContext&);
// infer_contraction.cpp
void infer_conv(InferContext&);
void infer_conv_transpose(InferContext&);
void infer_qlinear_conv(InferContext&);
void infer_pool(InferContext&);
void infer_global_pool(InferContext&);
void infer_gemm(InferContext&);
void infer_matmul(InferContext&);
void infer_matmul_integer(InferContext&);
void infer_qlinear_matmul(InferContext&);
void infer_einsum(InferContext&);
void infer_recurrent(InferContext&);
void infer_attention_scores(InferContext&);
void infer_attention_values(InferContext&);
// infer_move.cpp
void infer_reshape(InferContext&);
void infer_flatten(InferContext&);
void infer_squeeze(InferContext&);
void infer_unsqueeze(InferContext&);
void infer_transpose(InferContext&);
void infer_concat(InferContext&);
void infer_split(InferContext&);
void infer_slice(InferContext&);
void infer_gather(InferContext&);
void infer_gather_elements(InferContext&);
void infer_gather_nd(InferContext&);
void infer_expand(InferContext&);
void infer_tile(InferContext&);
void infer_pad(InferContext&);
void infer_resize(InferContext&);
void infer_depth_to_space(InferContext&);
void infer_space_to_depth(InferContext&);
void infer_one_hot(InferContext&);
void infer_eye_like(InferContext&);
void infer_cache_append(InferContext&);
void infer_dispatch(InferContext&);
// infer_detection.cpp
void infer_shape(InferContext&);
void infer_size(InferContext&);
void infer_range(InferContext&);
void infer_constant_of_shape(InferContext&);
void infer_roi_align(InferContext&);
void infer_max_roi_pool(InferContext&);
void infer_grid_sample(InferContext&);
void infer_topk(InferContext&);
void infer_non_max_suppression(InferContext&);
void infer_nonzero(InferContext&);
void infer_unique(InferContext&);
void infer_compress(InferContext&);

}  // namespace perfwatt
