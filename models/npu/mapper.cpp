#include "models/npu/mapper.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "models/npu/matrix_timing.h"
#include "models/npu/sized_tiles.h"
#include "sim/base/math.h"

namespace perfwatt::npu {
namespace {

/// Commands a kernel may take: a mapping of more is never worth its sequencing.
constexpr std::int64_t kMostTiles = 20'000;
/// Candidates that differ in order and buffers only.
constexpr int kOfASize = 4;

struct Plane {
    std::int64_t n = 1, p = 1, q = 1;
};

/// Batch, rows, columns: whole images first, then rows of one image, then parts of a row, so that a
/// tile is one contiguous piece of memory as far as it can be.
std::vector<Plane> planes(const Contraction& part, std::int64_t row_grain) {
    std::vector<Plane> found;
    for (const std::int64_t n : tile_sizes(part.n, 1)) found.push_back({n, part.p, part.q});
    for (const std::int64_t p : tile_sizes(part.p, row_grain))
        if (p < part.p) found.push_back({1, p, part.q});
    for (const std::int64_t q : tile_sizes(part.q, 1))
        if (q < part.q) found.push_back({1, 1, q});
    return found;
}

std::vector<std::pair<Split, int>> splits(const Contraction& work, int cores, int parts) {
    // Cores that keep the weights of some outputs each make those.
    if (parts > 1) return {{Split::k, parts}};
    std::vector<std::pair<Split, int>> found;
    if (cores > 1) {
        const auto add = [&](Split split, std::int64_t extent) {
            for (int used = cores; used > 1; used = (used + 1) / 2)
                if (extent >= used) found.emplace_back(split, used);
        };
        add(Split::n, work.n);
        add(Split::g, work.g / work.groups_sharing_second);
        add(Split::k, work.k);
        add(Split::p, work.p);
    }
    found.emplace_back(Split::none, 1);
    return found;
}

/// Calls visit(sizes, part) for each set of tile sizes, of a core that does `part`; begin(left)
/// comes before those of each split, of which `left` are still to come, this one included. No more
/// of a split once visit returns false.
template <class Begin, class Visit>
void each_size(const ContractionPlan& plan, const NpuSpec& spec, Begin&& begin, Visit&& visit) {
    const Contraction& work = plan.work();
    const MatrixSpec& matrix = spec.matrix;
    const TypeRate& rate = *rate_of(matrix, work.first_type, work.second_type);
    const bool outputs_held = matrix.dataflow == Dataflow::output_stationary;
    const std::int64_t taps = matrix.reduction == Reduction::channels ? 1 : work.r * work.s;
    const std::int64_t c_grain = ceil_div(reduction_extent(matrix, rate), taps);
    const bool rows_slide = matrix.dataflow == Dataflow::row_stationary;
    const bool filters_across = !rows_slide && matrix.dataflow != Dataflow::input_stationary;
    const std::int64_t k_grain = filters_across ? matrix.columns : 1;
    const MapBlock& block = matrix.block;
    // Two sets of half as many columns lie side by side.
    const std::int64_t p_grain = rows_slide ? (matrix.columns + 1) / 2
                                 : work.q == 1 && outputs_held
                                     ? std::max(matrix.rows, block.rows * block.columns)
                                     : block.rows;
    const bool whole_problems = work.group_layout == GroupLayout::outermost;

    const auto of_split = [&](Split split, int cores) {
        Tiling tiling{.split = split, .cores = cores};
        const Contraction part = plan.share(tiling);
        const std::vector<Plane> plane_list = planes(part, p_grain);
        const std::vector<std::int64_t> gs = tile_sizes(part.g, work.groups_sharing_second);
        const std::vector<std::int64_t> ks = tile_sizes(part.k, k_grain);
        for (const std::int64_t c : tile_sizes(part.c, c_grain)) {
            for (const std::int64_t g : gs) {
                for (const std::int64_t k : ks) {
                    for (const Plane& plane : plane_list) {
                        // Several whole problems a tile only if each is whole.
                        const bool partial = c < part.c || plane.p < part.p || plane.q < part.q ||
                                             plane.n < part.n || k < part.k;
                        if (g > work.groups_sharing_second && whole_problems && partial) continue;
                        tiling.g = g, tiling.k = k, tiling.c = c;
                        tiling.n = plane.n, tiling.p = plane.p, tiling.q = plane.q;
                        if (!visit(tiling, part)) return;
                    }
                }
            }
        }
    };
    const auto all = splits(work, usable_cores(spec, plan.request()), plan.weight_parts());
    for (std::size_t i = 0; i < all.size(); ++i) {
        begin(static_cast<int>(all.size() - i));
        of_split(all[i].first, all[i].second);
    }
}

/// Tilings of which none is both slower and of more traffic than another, and none slower than the
/// fastest by more than a band.
class Front {
  public:
    explicit Front(std::int64_t band_percent) : band_percent_(band_percent) {}
    [[nodiscard]] Time fastest() const { return fastest_; }
    /// Costs from here on are of no interest.
    [[nodiscard]] Time limit() const {
        return fastest_ == Time::max() ? fastest_
                                       : fastest_ + Time{fastest_.fs / 100 * band_percent_ + 1};
    }
    void add(const Tiling& tiling, Time cost, std::int64_t bytes) {
        fastest_ = std::min(fastest_, cost);
        for (const Entry& entry : entries_)
            if (entry.cost <= cost && entry.bytes <= bytes) return;
        std::erase_if(entries_, [&](const Entry& entry) {
            return entry.cost >= limit() || (cost <= entry.cost && bytes <= entry.bytes);
        });
        entries_.push_back({tiling, cost, bytes});
    }
    struct Entry {
        Tiling tiling;
        Time cost;
        std::int64_t bytes = 0;
    };
    /// The one of the least traffic; one must have been added.
    [[nodiscard]] const Entry& chosen() const {
        return *std::min_element(entries_.begin(), entries_.end(),
                                 [](const Entry& a, const Entry& b) { return a.bytes < b.bytes; });
    }

  private:
    std::int64_t band_percent_;
    std::vector<Entry> entries_;
    Time fastest_ = Time::max();
};

/// Calls visit(tiling) for the tilings of the same sizes (kOfASize, two more where sums wait in the
/// scratchpad), until it returns false; returns
/// whether it never did.
template <class Visit>
bool each_of_a_size(Tiling tiling, bool spills, Visit&& visit) {
    for (const Order order : {Order::weights_outer, Order::inputs_outer}) {
        tiling.order = order;
        for (const auto& [buffers, held] : {std::pair{2, 2}, {2, 1}, {1, 2}}) {
            tiling.buffers = buffers;
            tiling.held = held;
            if (held < buffers && !spills) continue;
            if (!visit(tiling)) return false;
        }
    }
    return true;
}

/// How often tilings were passed over, by reason. Reasons are literals.
class Rejections {
  public:
    void add(const char* reason, int times) {
        for (auto& [known, count] : counts_) {
            if (known != reason) continue;
            count += times;
            return;
        }
        counts_.emplace_back(reason, times);
    }
    /// In the order of the alphabet.
    [[nodiscard]] std::vector<std::pair<std::string, int>> take() const {
        std::vector<std::pair<std::string, int>> sorted(counts_.begin(), counts_.end());
        std::sort(sorted.begin(), sorted.end());
        return sorted;
    }

  private:
    std::vector<std::pair<const char*, int>> counts_;
};

/// The best tiling of a contraction, among those that its effort allows for.
class Search {
  public:
    Search(const ContractionPlan& plan, const NpuSpec& spec)
        : plan_(plan),
          spec_(spec),
          effort_(std::max(1, plan.request().effort)),
          choice_{.mapping = {},
                  .cost = Time::max(),
                  .bound = plan.bound(),
                  .candidates = 0,
                  .rejected = {}},
          front_(spec.traffic_band_percent) {}

    std::variant<MappingChoice, Infeasible> run() {
        each_size(
            plan_, spec_, [&](int left) { begin(left); },
            [&](const Tiling& sizes, const Contraction& part) { return consider(sizes, part); });
        if (priced_ > 1) rejected_.add("of more time or traffic than the best", priced_ - 1);
        choice_.rejected = rejected_.take();
        if (front_.fastest() == Time::max()) {
            std::string reasons;
            for (const auto& [reason, count] : choice_.rejected)
                reasons += fmt::format("{}{} ({}x)", reasons.empty() ? "" : ", ", reason, count);
            return Infeasible{fmt::format("no tile of it fits on chip: {}", reasons)};
        }
        choice_.cost = front_.chosen().cost;
        choice_.mapping = to_mapping(front_.chosen().tiling);
        return std::move(choice_);
    }

  private:
    /// Each split may use an equal part of what is left: none is left out for the tilings of
    /// others.
    void begin(int left) {
        most_ = choice_.candidates + std::max(0, (effort_ - choice_.candidates + left - 1) / left);
    }

    /// Nothing beats the bound; what is within the effort is settled by the count.
    [[nodiscard]] bool goes_on() const {
        return choice_.candidates < most_ && front_.fastest() > choice_.bound;
    }

    bool consider(const Tiling& sizes, const Contraction& part) {
        SizedTiles tiles(plan_, part, sizes);
        Tiling smallest = sizes;
        smallest.buffers = 1;
        const char* why = tiles.cuts().steps() > kMostTiles ? "more tiles than worth their commands"
                                                            : tiles.misfit(smallest);
        if (why != nullptr) {
            rejected_.add(why, kOfASize);
            return true;
        }
        return each_of_a_size(sizes, tiles.sums_spill(),
                              [&](const Tiling& tiling) { return price(tiles, tiling); });
    }

    bool price(SizedTiles& tiles, const Tiling& tiling) {
        if (!goes_on()) return false;
        if (const char* why = tiles.misfit(tiling)) {
            rejected_.add(why, 1);
            return true;
        }
        if (tiles.memory_time(tiling.order) >= front_.fastest()) {
            rejected_.add("memory traffic alone is slower than the best", 1);
            return true;
        }
        ++choice_.candidates;
        if (const auto cost = tiles.cost_below(front_.limit(), tiling)) {
            front_.add(tiling, *cost, tiles.memory_bytes(tiling.order));
            ++priced_;
        } else {
            rejected_.add("slower than the best", 1);
        }
        return goes_on();
    }

    const ContractionPlan& plan_;
    const NpuSpec& spec_;
    int effort_;
    int most_ = 0;    ///< candidates, up to the end of the present split
    int priced_ = 0;  ///< of them, those that no faster one cut short
    MappingChoice choice_;
    Front front_;
    Rejections rejected_;
};

}  // namespace

std::vector<std::int64_t> tile_sizes(std::int64_t total, std::int64_t grain, std::int64_t least) {
    std::vector<std::int64_t> sizes;
    const auto add = [&](std::int64_t divisor) {
        const std::int64_t size =
            std::min(total, round_up(ceil_div(total, divisor), std::max<std::int64_t>(1, grain)));
        if (sizes.empty() || size < sizes.back()) sizes.push_back(std::max(size, least));
        return size > least && size > grain;
    };
    bool more = add(1);
    for (std::int64_t divisor = 2; more; divisor *= 2) {
        more = add(divisor);
        if (more) more = add(divisor / 2 * 3);
    }
    return sizes;
}

std::vector<Tiling> tilings(const ContractionPlan& plan, const NpuSpec& spec) {
    std::vector<Tiling> found;
    each_size(
        plan, spec, [](int) {},
        [&](const Tiling& sizes, const Contraction& part) {
            const bool spills = SizedTiles(plan, part, sizes).sums_spill();
            return each_of_a_size(sizes, spills, [&](const Tiling& tiling) {
                found.push_back(tiling);
                return true;
            });
        });
    return found;
}

std::variant<MappingChoice, Infeasible> map_contraction(const ContractionPlan& plan,
                                                        const NpuSpec& spec) {
    return Search(plan, spec).run();
}

}  // namespace perfwatt::npu
