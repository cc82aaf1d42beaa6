#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sim/base/strong_id.h"

namespace perfwatt {

using ActionId = StrongId<struct ActionTag>;

/// The rows of every energy breakdown.
enum class EnergyComponent : std::uint8_t { mac, sram, reg, link, dram, pim, static_, host };

inline constexpr int kEnergyComponents = 8;
[[nodiscard]] std::string_view to_string(EnergyComponent component);

/// Something a unit does that costs energy: "core0.matrix.mac_int8", "lpddr4x.activate".
struct Action {
    std::string name;
    std::string unit;     ///< what one of it is: "MAC", "access of 64 B", "bit"
    std::string meaning;  ///< a line for readers
    EnergyComponent component = EnergyComponent::mac;
    double picojoules = 0;
    std::string source;        ///< of the price; "estimated: …" where nobody published it
    std::string not_modelled;  ///< the reason, where the price is zero on purpose
};

/// Integer counters, one row a layer and one column an action; they only grow.
class Counts {
  public:
    Counts(std::vector<Action> actions, int layers);

    void add(int layer, ActionId action, std::int64_t n) { at(layer, action) += n; }
    [[nodiscard]] std::int64_t get(int layer, ActionId action) const;
    [[nodiscard]] std::int64_t total(ActionId action) const;
    [[nodiscard]] const std::vector<Action>& actions() const { return actions_; }
    [[nodiscard]] int layers() const { return layers_; }

  private:
    std::int64_t& at(int layer, ActionId action) {
        return cells_[static_cast<std::size_t>(layer) * actions_.size() + action.index()];
    }

    std::vector<Action> actions_;
    int layers_ = 0;
    std::vector<std::int64_t> cells_;
};

}  // namespace perfwatt
