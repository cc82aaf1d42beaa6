#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/dram/dram_spec.h"

namespace perfwatt::dram {

/// Where a burst lies in its channel.
struct BurstPlace {
    int bank = 0;  ///< counted through pseudo channels, ranks, bank groups and banks
    std::int64_t row = 0;
    std::int64_t column = 0;  ///< in bursts
};

/// Addresses of a memory of several channels, in bursts. The text names fields, highest address
/// bits first: "row|bank|column|bank_group|pseudo_channel". `field:n` takes a part of a field of
/// size n (highest part first); fields left out must have size one, except `channel`, which then
/// comes lowest. Sizes need not be powers of two. `hash` folds fields into each other:
/// "bank ^ row" adds the row's low bits to the bank without carry.
class AddressMapping {
  public:
    /// Throws UserError for unknown fields, sizes that do not multiply up, a split or hashed
    /// channel.
    AddressMapping(const DramSpec& spec, int channels);

    /// Bursts of channel `channel` among the first `bursts` of the memory.
    [[nodiscard]] std::int64_t bursts_before(std::int64_t bursts, int channel) const {
        if (channels_ == 1) return bursts;
        const std::int64_t block = stride_ * channels_;
        const std::int64_t in_block = bursts % block - channel * stride_;
        const std::int64_t clamped = in_block < 0 ? 0 : (in_block > stride_ ? stride_ : in_block);
        return bursts / block * stride_ + clamped;
    }
    /// The place of the n-th burst of a channel.
    [[nodiscard]] BurstPlace place(std::int64_t burst_in_channel) const;

    [[nodiscard]] int channels() const { return channels_; }
    /// Neighbouring bursts that go to one channel before the next channel's turn.
    [[nodiscard]] std::int64_t channel_stride() const { return stride_; }
    /// Neighbouring bursts of a channel that one set of open rows serves: a sequence of that many,
    /// begun at a multiple of it, never comes back to a bank with another row.
    [[nodiscard]] std::int64_t run_bursts() const { return run_bursts_; }
    /// Banks that such a run touches, and its bursts before it goes from one bank to the next.
    [[nodiscard]] int run_banks() const { return run_banks_; }
    [[nodiscard]] std::int64_t run_block() const { return run_block_; }

  private:
    enum Field : std::uint8_t { kRow, kColumn, kBank, kBankGroup, kRank, kPseudoChannel, kFields };
    struct Part {
        std::uint8_t field = 0;
        std::uint8_t shift = 0;  ///< of the address, where sizes are powers of two
        std::int64_t size = 1;
        std::int64_t weight = 1;  ///< of the part in its field
    };
    /// A part where sizes are powers of two and nothing is hashed: bits that go straight into the
    /// bank's number, the row or the column.
    struct Slice {
        std::uint8_t target = 0;
        std::uint8_t down = 0, up = 0;
        std::int64_t mask = 0;
    };
    struct Fold {
        std::uint8_t target = 0;
        std::uint8_t source = 0;
        std::int64_t mask = 0;
    };

    void add_part(const std::string& text, const DramSpec& spec,
                  std::vector<std::pair<Field, std::int64_t>>& parts);
    void add_fold(const std::string& text, const DramSpec& spec);
    void find_runs();
    void find_slices();

    int channels_ = 1;
    std::int64_t stride_ = 1;
    bool powers_of_two_ = true;
    std::vector<Part> parts_;  ///< lowest first, the channel left out
    std::vector<Fold> folds_;
    std::vector<Slice> slices_;  ///< empty: the long way
    int banks_ = 1, bank_groups_ = 1, ranks_ = 1;
    std::int64_t run_bursts_ = 1, run_block_ = 1;
    int run_banks_ = 1;
    std::string text_;
};

}  // namespace perfwatt::dram
