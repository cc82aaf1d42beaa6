#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sim/base/data_type.h"
#include "sim/base/sparsity.h"
#include "sim/graph/graph.h"

namespace perfwatt {

class Device;
struct Precision;

/// What is not simulated of every lightened network; every record of one says so.
inline constexpr const char* kAccuracyNotSimulated =
    "accuracy of the lightened network: whether it still answers well enough";

/// Tensors that get a type of their own, told by what reads them: names carry no meaning.
enum class TensorClass : std::uint8_t {
    weights,    ///< of all contractions
    first,      ///< weights of the first contraction
    last,       ///< weights of the last one
    conv,       ///< filters, depthwise ones excepted
    depthwise,  ///< filters of a single channel
    linear,     ///< matrices
    embedding,  ///< tables that are looked up
    cache,      ///< keys and values of earlier tokens
};

/// One thing done to a network to make it lighter.
struct LightenPass {
    enum class Kind : std::uint8_t {
        precision,  ///< the whole network in one of precisions()
        type,       ///< one class of tensors in a type of its own
        channels,   ///< fewer channels
        n_of_m,     ///< of each `of` weights along the reduction, `kept` remain
        sparse,     ///< any `kept` of `of` weights remain
        compress,   ///< weights coded in memory
        low_rank,   ///< each large matrix as the product of two
    };
    Kind kind = Kind::precision;
    std::string name;  ///< as it was written
    TensorClass tensors = TensorClass::weights;
    DataType type = DataType::int8;
    std::int64_t kept = 1, of = 1;
    WeightFormat format = WeightFormat::plain;
    std::int64_t ratio_thousandths = 1000;
    std::int64_t rank = 0;
};

/// What may be written, one form a line, with its meaning.
[[nodiscard]] std::string lighten_forms();

/// Passes in the order written; a text may join several by '+', and "none" is none. Throws
/// UserError that lists what there is.
[[nodiscard]] std::vector<LightenPass> lighten_passes(const std::vector<std::string>& texts);

struct Lightened {
    std::optional<std::string> precision;  ///< where a pass sets that of the whole network
    std::vector<std::string> notes;        ///< what each pass did, in words
};

/// Rewrites a network with known shapes, before its types are set. What a pass finds nothing to do
/// on is left, and a note says so.
Lightened lighten(Graph& graph, const std::vector<LightenPass>& passes);

/// The precision that a network asked to be lightened to `asked` is computed in: that one, or of
/// the wider ones that some device multiplies the narrowest, or `otherwise`. Says so in `notes`
/// where it is another one.
[[nodiscard]] std::string runnable_precision(const std::string& asked, const std::string& otherwise,
                                             const std::vector<const Device*>& devices,
                                             std::vector<std::string>& notes);

/// Wanted types that no device multiplies with the activations' are given up, with a word on each:
/// such weights and caches are as wide as the network's precision says.
[[nodiscard]] std::vector<std::string> settle_types(Graph& graph, const Precision& precision,
                                                    const std::vector<const Device*>& devices);

/// Weights are kept as their `storage` says where every device reads them so, else plainly; types
/// must be set. Returns what was decided, in words.
[[nodiscard]] std::vector<std::string> settle_storage(Graph& graph,
                                                      const std::vector<const Device*>& devices);

/// Bytes of a tensor in the form its `storage` asks for. Runs of zeros are those of random places
/// (Han et al., EIE, ISCA 2016): with a share q of zeros, q^16 / (1 - q^16) fillers a value.
[[nodiscard]] std::int64_t stored_bytes(const Tensor& tensor);

// The rewriting passes, for lighten() and tests.

/// Keeps 100 - `percent` of every 100 channels between layers, rounded up to a multiple of 8: those
/// that no reshape, split or output fixes. Channels that meet in additions stay alike. Returns how
/// many sets of channels became smaller.
int prune_channels(Graph& graph, std::int64_t percent);

/// Every trained matrix and every filter that is smaller as a product of rank `rank` becomes two.
/// Returns how many.
int factorise(Graph& graph, std::int64_t rank);

/// The inputs of a contraction that are trained and multiplied: places in Node::inputs.
[[nodiscard]] std::vector<std::size_t> trained_operands(const Graph& graph, const Node& node);

}  // namespace perfwatt
