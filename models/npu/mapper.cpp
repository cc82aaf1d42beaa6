#include "models/npu/mapper.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string_view>

#include "models/npu/matrix_timing.h"
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

/// Calls visit(tiling) for each candidate. begin(left) comes before those of each split, of which
/// `left` are still to come, this one included; enter(tiling, part) before the kOfASize candidates
/// of the same tile sizes, with one buffer each, on a core that does `part`: they are passed over
/// if it says no. No more of a split once visit returns false.
template <class Begin, class Enter, class Visit>
void each_tiling(const ContractionPlan& plan, const NpuSpec& spec, Begin&& begin, Enter&& enter,
                 Visit&& visit) {
    const Contraction& work = plan.work();
    const MatrixSpec& matrix = spec.matrix;
    const TypeRate& rate = *rate_of(matrix, work.first_type, work.second_type);
    const bool outputs_held = matrix.dataflow == Dataflow::output_stationary;
    const std::int64_t taps = matrix.reduction == Reduction::channels ? 1 : work.r * work.s;
    const std::int64_t c_grain = ceil_div(reduction_extent(matrix, rate), taps);
    const bool rows_slide = matrix.dataflow == Dataflow::row_stationary;
    const bool filters_across = !rows_slide && matrix.dataflow != Dataflow::input_stationary;
    const std::int64_t k_grain = filters_across ? matrix.columns : 1;
    const std::int64_t p_grain = rows_slide                    ? matrix.columns
                                 : work.q == 1 && outputs_held ? matrix.rows
                                                               : 1;
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
                        tiling.order = Order::weights_outer;
                        tiling.buffers = 1;
                        if (!enter(tiling, part)) continue;
                        for (const Order order : {Order::weights_outer, Order::inputs_outer}) {
                            tiling.order = order;
                            for (const int buffers : {2, 1}) {
                                tiling.buffers = buffers;
                                if (!visit(tiling)) return;
                            }
                        }
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

std::int64_t tiles_of(const Contraction& part, const Tiling& tiling) {
    return ceil_div(part.g, tiling.g) * ceil_div(part.n, tiling.n) * ceil_div(part.p, tiling.p) *
           ceil_div(part.q, tiling.q) * ceil_div(part.k, tiling.k) * ceil_div(part.c, tiling.c);
}

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
    each_tiling(
        plan, spec, [](int) {}, [](const Tiling&, const Contraction&) { return true; },
        [&](const Tiling& tiling) {
            found.push_back(tiling);
            return true;
        });
    return found;
}

std::variant<MappingChoice, Infeasible> map_contraction(const ContractionPlan& plan,
                                                        const NpuSpec& spec) {
    MappingChoice choice{
        .mapping = {}, .cost = Time::max(), .bound = plan.bound(), .candidates = 0, .rejected = {}};
    std::map<std::string_view, int> rejected;
    TileLayout layout;
    const int effort = std::max(1, plan.request().effort);
    Tiling best;
    // Each split may use an equal part of what is left: none is left out for the tilings of others.
    int most = 0;
    const auto begin = [&](int left) {
        most = choice.candidates + std::max(0, (effort - choice.candidates + left - 1) / left);
    };
    const auto enter = [&](const Tiling& tiling, const Contraction& part) {
        const char* why = tiles_of(part, tiling) > kMostTiles
                              ? "more tiles than worth their commands"
                              : plan.misfit(tiling, layout);
        if (why != nullptr) rejected[why] += kOfASize;
        return why == nullptr;
    };
    each_tiling(plan, spec, begin, enter, [&](const Tiling& tiling) {
        if (choice.candidates >= most || choice.cost <= choice.bound) return false;
        if (const char* why = plan.misfit(tiling, layout)) {
            ++rejected[why];
            return true;
        }
        if (plan.traffic_time(tiling) >= choice.cost) {
            ++rejected["memory traffic alone is slower than the best"];
            return true;
        }
        ++choice.candidates;
        const Time cost = plan.cost(tiling);
        if (cost < choice.cost) {
            choice.cost = cost;
            best = tiling;
        } else {
            ++rejected["slower than the best"];
        }
        // Nothing beats the bound; what is within the effort is settled by the count.
        return choice.candidates < most && choice.cost > choice.bound;
    });
    for (const auto& [reason, count] : rejected) choice.rejected.emplace_back(reason, count);
    if (choice.cost == Time::max()) {
        std::string reasons;
        for (const auto& [reason, count] : choice.rejected)
            reasons += fmt::format("{}{} ({}x)", reasons.empty() ? "" : ", ", reason, count);
        return Infeasible{fmt::format("no tile of it fits on chip: {}", reasons)};
    }
    choice.mapping = to_mapping(best);
    return choice;
}

}  // namespace perfwatt::npu
