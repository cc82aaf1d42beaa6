#include "sim/compiler/depth_first.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <tuple>

#include "sim/arch/stripes.h"
#include "sim/base/math.h"

namespace perfwatt {
namespace {

/// Kernels a group has at most, and stripes that each image is cut into.
constexpr int kMostKernels = 16;
constexpr std::array<int, 13> kStripes = {1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96};
/// Parts of a scratchpad, in eighths, that live rows and weights of a group may fill.
constexpr std::array<std::int64_t, 2> kFilled = {4, 6};
/// Gains below this part of the whole are not worth a second plan.
constexpr std::int64_t kWorthwhile = 50;

class Search {
  public:
    Search(const Stripes& stripes, Planner& planner, const Plan& plan, const CompileTarget& target,
           const std::optional<Repeat>& barred)
        : stripes_(stripes),
          lowered_(stripes.lowered()),
          planner_(planner),
          plan_(plan),
          target_(target) {
        if (barred) {
            barred_from_ = barred->first_kernel;
            barred_to_ = barred_from_ + barred->kernels_per_block * barred->count;
        }
    }

    std::vector<StripeGroup> run() {
        if (!any_worthwhile()) return {};
        const auto kernels = static_cast<int>(lowered_.kernels.size());
        // The cheapest way to the end of each kernel: alone, or as the last of a group.
        struct Way {
            Time cost;
            std::optional<StripeGroup> group;
        };
        std::vector<Way> best(static_cast<std::size_t>(kernels) + 1);
        const Time never = Time::max();
        for (int j = 0; j < kernels; ++j) best[static_cast<std::size_t>(j) + 1].cost = never;
        for (int i = 0; i < kernels; ++i) {
            const Time before = best[static_cast<std::size_t>(i)].cost;
            Way& alone = best[static_cast<std::size_t>(i) + 1];
            const Time apart = before + cost_alone(i);
            if (apart < alone.cost) alone = {apart, std::nullopt};
            for (int j = i; j < std::min(kernels, i + kMostKernels) && may_be_cut(i, j); ++j) {
                if (j == i) continue;
                const auto found = cheapest_group(i, j);
                if (!found) continue;
                Way& way = best[static_cast<std::size_t>(j) + 1];
                if (before + found->first < way.cost) way = {before + found->first, found->second};
            }
        }
        std::vector<StripeGroup> groups;
        for (int j = kernels; j > 0;) {
            const std::optional<StripeGroup>& group = best[static_cast<std::size_t>(j)].group;
            if (group) groups.push_back(*group);
            j = group ? group->first : j - 1;
        }
        std::reverse(groups.begin(), groups.end());
        return groups;
    }

  private:
    [[nodiscard]] bool in_memory(TensorId root, int engine) const {
        const int index = plan_.allocator->root_of(root, engine);
        if (index < 0) return false;
        const Placement& place = plan_.allocation.places[static_cast<std::size_t>(index)];
        return place.where == Placement::Where::memory &&
               place.region.memory.value == planner_.home_of(engine);
    }

    [[nodiscard]] const TargetEngine& engine_at(int kernel) const {
        return planner_
            .engines()[static_cast<std::size_t>(plan_.engine_of[static_cast<std::size_t>(kernel)])];
    }

    /// Whether this kernel's rows could be made by a group that ends or begins with it.
    [[nodiscard]] bool has_rows(int kernel) const {
        const auto at = static_cast<std::size_t>(kernel);
        if (!stripes_.rows(kernel) || plan_.engine_of[at] == kHost) return false;
        if (kernel >= barred_from_ && kernel < barred_to_) return false;
        const auto* stripes = dynamic_cast<const RunsStripes*>(engine_at(kernel).device);
        return stripes != nullptr && stripes->runs_stripes();
    }

    [[nodiscard]] bool may_be_cut(int first, int last) const {
        return has_rows(last) && plan_.engine_of[static_cast<std::size_t>(first)] ==
                                     plan_.engine_of[static_cast<std::size_t>(last)];
    }

    /// Whether all that could stay on chip is more than a trifle.
    [[nodiscard]] bool any_worthwhile() {
        std::int64_t moved = 0;
        std::set<TensorId> seen;
        for (std::size_t i = 0; i < lowered_.kernels.size(); ++i) {
            if (!has_rows(static_cast<int>(i))) continue;
            for (const Operand& output : lowered_.kernels[i].outputs) {
                const TensorId root = lowered_.aliases[output.tensor.index()].root;
                if (in_memory(root, plan_.engine_of[i]) && seen.insert(root).second)
                    moved += 2 * output.bytes;
            }
        }
        return transfer_time(moved, target_.memories[0].bytes_per_second) * kWorthwhile >
               plan_.cost;
    }

    [[nodiscard]] Time cost_alone(int kernel) const {
        const auto at = static_cast<std::size_t>(kernel);
        const MappingRequest request = planner_.request_for(plan_, at);
        return plan_.choices[at].cost + planner_.handover_time(request, plan_.engine_of[at]);
    }

    /// Where live rows would lie: in the scratchpad of an engine's only core, or in a memory that
    /// its cores share; nothing where there is neither.
    struct Room {
        std::int64_t bytes = 0;
        int memory = -1;  ///< -1: the scratchpad
    };
    [[nodiscard]] std::optional<Room> room_at(int kernel) const {
        const auto engine =
            static_cast<std::size_t>(plan_.engine_of[static_cast<std::size_t>(kernel)]);
        const OnChipMemory chip = planner_.engines()[engine].device->on_chip();
        if (plan_.shares[engine].cores == 1)
            return Room{.bytes = std::min(chip.bytes_per_core, chip.activation_bytes)};
        const std::vector<MemoryId>& seen = planner_.engines()[engine].memories;
        for (std::size_t m = 0; m < target_.memories.size(); ++m) {
            const MemoryId memory{static_cast<std::int32_t>(m)};
            const bool visible =
                seen.empty() || std::find(seen.begin(), seen.end(), memory) != seen.end();
            if (static_cast<int>(m) != planner_.home_of(static_cast<int>(engine)) && visible &&
                target_.memories[m].capacity_bytes > 0)
                return Room{.bytes = target_.memories[m].capacity_bytes,
                            .memory = static_cast<int>(m)};
        }
        return std::nullopt;
    }

    using Found = std::pair<Time, StripeGroup>;

    std::optional<Found> cheapest_group(int first, int last) {
        const std::optional<Room> room = room_at(first);
        if (!room) return std::nullopt;
        const auto* device = dynamic_cast<const RunsStripes*>(engine_at(first).device);
        const std::int64_t at_once = device == nullptr ? 1 : device->rows_at_once();
        for (std::int64_t rows = at_once;; rows = 1) {
            for (const bool hold : {true, false})
                for (const std::int64_t filled : kFilled)
                    if (const auto found =
                            group_within(first, last, *room, room->bytes * filled / 8, hold, rows))
                        return found;
            if (rows == 1) return std::nullopt;
        }
    }

    /// The fewest stripes whose live rows fit, and what they would cost.
    std::optional<Found> group_within(int first, int last, const Room& room, std::int64_t bytes,
                                      bool hold, std::int64_t rows) {
        std::int64_t weights = 0;
        for (int i = first; i <= last; ++i) weights += fetched_weights(i);
        // What stays between inferences anyway is not fetched into a second place.
        if (hold && (weights == 0 || weights > bytes)) return std::nullopt;
        const auto images = static_cast<int>(stripes_.images(first, last));
        for (const int of_image : kStripes) {
            const int stripes = of_image * images;
            if (stripes < 2) continue;
            const StripeGroup group{.first = first,
                                    .last = last,
                                    .stripes = stripes,
                                    .hold_weights = hold,
                                    .rows = rows};
            const auto plan = stripes_.plan(group);
            if (!plan) return std::nullopt;
            if (plan->kept_bytes + (hold ? weights : 0) > bytes) continue;
            const bool gains = std::any_of(plan->kept.begin(), plan->kept.end(), [&](auto& entry) {
                return in_memory(entry.first, plan_.engine_of[static_cast<std::size_t>(first)]);
            });
            if (!gains) return std::nullopt;
            const auto cost = estimate(group, *plan, room, bytes, hold ? 0 : weights);
            if (!cost) return std::nullopt;
            return Found{*cost, group};
        }
        return std::nullopt;
    }

    /// Of a contraction, what comes from memory each time it runs.
    [[nodiscard]] std::int64_t fetched_weights(int kernel) const {
        const auto at = static_cast<std::size_t>(kernel);
        const Kernel& what = lowered_.kernels[at];
        if (!std::holds_alternative<Contraction>(what.work)) return 0;
        const Placement place =
            plan_.allocator->placement(plan_.allocation, what.inputs[1], plan_.engine_of[at]);
        return place.where == Placement::Where::memory ? what.inputs[1].bytes : 0;
    }

    /// Whole kernels with what they hand on close by; each stripe beyond the first waits once for
    /// memory in every kernel, and fetches what weights are not held.
    std::optional<Time> estimate(const StripeGroup& group, const StripePlan& stripes,
                                 const Room& room, std::int64_t filled,
                                 std::int64_t fetched_again) {
        Time total;
        const auto place = [&](const Operand& operand, Placement& placement) {
            if (!stripes.kept.contains(lowered_.aliases[operand.tensor.index()].root)) return '.';
            if (room.memory < 0) {
                placement.where = Placement::Where::on_chip;
                placement.buffer = {.address = 0, .bytes = std::min(filled, operand.bytes)};
            } else {
                placement.region.memory = {room.memory};
            }
            return '+';
        };
        for (int i = group.first; i <= group.last; ++i) {
            const auto at = static_cast<std::size_t>(i);
            const Kernel& kernel = lowered_.kernels[at];
            MappingRequest request = planner_.request_for(plan_, at);
            std::string near;
            for (std::size_t j = 0; j < kernel.inputs.size(); ++j)
                near += place(kernel.inputs[j], request.inputs[j]);
            for (std::size_t j = 0; j < kernel.outputs.size(); ++j)
                near += place(kernel.outputs[j], request.outputs[j]);
            const auto [known, fresh] = costs_.emplace(std::tuple(i, filled, near), std::nullopt);
            if (fresh) {
                if (room.memory < 0)
                    request.free = {.address = filled, .bytes = room.bytes - filled};
                const auto choice = planner_.map_kernel(request, plan_.engine_of[at]);
                if (const auto* found = std::get_if<MappingChoice>(&choice))
                    known->second =
                        found->cost + planner_.handover_time(request, plan_.engine_of[at]);
            }
            if (!known->second) return std::nullopt;
            total += *known->second;
        }
        const TargetMemory& memory = target_.memories[0];
        const std::int64_t more = group.stripes - 1;
        total += memory.latency * (more * (group.last - group.first + 1));
        total += transfer_time(fetched_again * more, memory.bytes_per_second);
        return total;
    }

    const Stripes& stripes_;
    const Lowered& lowered_;
    Planner& planner_;
    const Plan& plan_;
    const CompileTarget& target_;
    int barred_from_ = 0, barred_to_ = 0;
    /// Of whole kernels, by what is left for tiles and which operands are close by.
    std::map<std::tuple<int, std::int64_t, std::string>, std::optional<Time>> costs_;
};

}  // namespace

std::vector<StripeGroup> find_groups(const Stripes& stripes, Planner& planner, const Plan& plan,
                                     const CompileTarget& target,
                                     const std::optional<Repeat>& barred) {
    return Search(stripes, planner, plan, target, barred).run();
}

}  // namespace perfwatt
