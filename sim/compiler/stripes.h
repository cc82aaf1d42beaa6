#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sim/arch/device.h"
#include "sim/compiler/passes.h"

namespace perfwatt {

struct RowRange {
    std::int64_t begin = 0, end = 0;
    [[nodiscard]] std::int64_t size() const { return end - begin; }
};

/// Which rows of an input a kernel reads.
struct RowWindow {
    bool whole = false;       ///< all of it, whichever rows are made: weights, biases
    std::int64_t height = 1;  ///< rows there are
    std::int64_t taps = 1, stride = 1, padding = 0;
    std::int64_t repeat = 1;  ///< rows made of one that is read: upsampling
    /// Of a batch, whose images lie one after the other: windows do not reach from one to the next.
    std::int64_t images = 1;
    std::int64_t made_of_each = 0;  ///< rows, where there are several

    /// Of those made, which are of one image.
    [[nodiscard]] RowRange rows(RowRange made) const;
};

/// A kernel whose rows can be made one after the other.
struct KernelRows {
    std::int64_t height = 1;  ///< rows it makes, of all images
    std::vector<RowWindow> inputs;
    std::int64_t images = 1;  ///< that its windows tell apart
};

/// By kernel, see Stripes::rows.
[[nodiscard]] std::vector<std::optional<KernelRows>> rows_of(const Graph& graph,
                                                             const Lowered& lowered);

/// Kernels `first` to `last` run `stripes` times, each time as many rows as the last one's stripe
/// needs beyond those of the stripe before. Of a batch, equally often for each image.
struct StripeGroup {
    int first = 0, last = 0;
    int stripes = 2;
    bool hold_weights = true;  ///< fetched once and kept meanwhile, not once a stripe
    std::int64_t rows = 1;     ///< stripes of the last one end at multiples of so many
};

/// What a group's kernels hand on among themselves, and what they make when.
struct StripePlan {
    std::vector<std::vector<RowRange>> made;  ///< by kernel of the group, then stripe
    std::map<TensorId, std::int64_t> kept;    ///< roots that need not leave: bytes of live rows
    std::int64_t kept_bytes = 0;
};

/// Which kernels of a network can be cut into rows, and who hands what to whom.
class Stripes {
  public:
    Stripes(const Graph& graph, const Lowered& lowered);

    /// Nothing where a result depends on all of an activation, where rows are not contiguous bytes
    /// (batches, heads), or where they are not known to be.
    [[nodiscard]] const std::optional<KernelRows>& rows(int kernel) const {
        return rows_[static_cast<std::size_t>(kernel)];
    }
    /// Nothing where the kernels cannot run so: one of them needs more than rows, or a part of a
    /// tensor is handed on, or there are fewer rows than stripes.
    [[nodiscard]] std::optional<StripePlan> plan(const StripeGroup& group) const;

    /// Images that kernels tell apart: a number that the stripes of a group must be a multiple of.
    [[nodiscard]] std::int64_t images(int first, int last) const;

    [[nodiscard]] const Graph& graph() const { return graph_; }
    [[nodiscard]] const Lowered& lowered() const { return lowered_; }

  private:
    /// A kernel that makes (input < 0) or reads bytes of a root.
    struct Touch {
        int kernel = 0;
        int input = -1;
        bool whole = true;
    };
    struct Reader {
        std::size_t kernel;  ///< of the group
        RowWindow window;
    };
    struct Handed {
        TensorId root;
        std::size_t maker;  ///< of the group
        std::vector<Reader> readers;
        bool inside = false;  ///< nobody else looks at it
    };
    [[nodiscard]] std::optional<std::vector<Handed>> handed_on(const StripeGroup& group) const;

    const Graph& graph_;
    const Lowered& lowered_;
    std::vector<std::optional<KernelRows>> rows_;  ///< by kernel
    std::vector<std::vector<Touch>> touches_;      ///< by root
    std::vector<bool> leaves_;                     ///< by root: a result of the network
};

/// The kernels of each group (in order, none twice) become `stripes` kernels each. `graph` gets the
/// tensors between them.
[[nodiscard]] Lowered cut_into_stripes(Graph& graph, const Stripes& stripes,
                                       const std::vector<StripeGroup>& groups);
/// For a line of the report.
[[nodiscard]] std::string describe(const StripeGroup& group, const Stripes& stripes);

/// The kernel that a group's first kernel's first stripe becomes.
[[nodiscard]] std::string first_stripe(const StripeGroup& group, const Lowered& uncut);
/// What tells a group in that kernel's mapping.
[[nodiscard]] Mapping group_words(const StripeGroup& group);
/// A mapping without those words.
[[nodiscard]] Mapping without_group(const Mapping& mapping);
/// The groups that dumped mappings name; throws UserError where the network has no such kernels.
[[nodiscard]] std::vector<StripeGroup> groups_in(const std::map<std::string, Mapping>& mappings,
                                                 const Graph& graph, const Lowered& lowered);

}  // namespace perfwatt
