#pragma once

#include <array>
#include <memory>

#include "sim/arch/chip_spec.h"
#include "sim/arch/link_model.h"

namespace perfwatt::link {

/// A link of constant bandwidth and latency: one queue a direction, first come first served, cut
/// through (a transfer leaves as it arrives, if the link is free).
class LinkChannel final : public LinkModel {
  public:
    explicit LinkChannel(LinkSpec spec);

    [[nodiscard]] const std::string& name() const override { return spec_.name; }
    [[nodiscard]] Time latency() const override { return spec_.latency; }
    [[nodiscard]] std::int64_t peak_bytes_per_second() const override {
        return spec_.bytes_per_second;
    }
    Crossing send(Direction direction, Passage departure, std::int64_t bytes) override;
    [[nodiscard]] std::vector<Action> actions() const override;
    void count(std::int64_t bytes, int layer, const std::vector<ActionId>& ids,
               Counts& counts) const override;

    /// Bytes on the wires for one transfer: its payload and a header for each packet begun.
    [[nodiscard]] std::int64_t wire_bytes(std::int64_t bytes) const;

  private:
    LinkSpec spec_;
    std::array<Time, 2> free_{};  ///< by direction
};

[[nodiscard]] std::vector<std::unique_ptr<LinkModel>> make_links(
    const std::vector<LinkSpec>& specs);

}  // namespace perfwatt::link
