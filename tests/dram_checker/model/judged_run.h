#pragma once

#include <array>
#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "models/dram/command_log.h"
#include "models/dram/dram_schema.h"
#include "models/dram/trace_replay.h"
#include "tests/dram_checker/checker.h"

namespace perfwatt::dram_checker {

/// Passes a model's commands to a checker as they are given out.
class JudgedLog final : public dram::CommandLog {
  public:
    JudgedLog(const RuleSet& rules, Clock tick) : checker_(rules, 20), tick_(tick) {}

    void write(const dram::LoggedCommand& c) override {
        const int kind = kind_index(c.name);
        if (kind < 0) {
            unknown_ = std::string(c.name);
            return;
        }
        ++count_;
        ++by_kind_[static_cast<std::size_t>(kind)];
        for (const std::int64_t part : {c.tick, std::int64_t{kind}, std::int64_t{c.bank}}) {
            fingerprint_ = (fingerprint_ ^ static_cast<std::uint64_t>(part)) * 0x100000001b3;
        }
        checker_.command({.time_ps = tick_.cycles(c.tick).fs / 1000,
                          .tick = c.tick,
                          .kind = static_cast<Kind>(kind),
                          .channel = c.channel,
                          .pseudo_channel = c.pseudo_channel < 0 ? 0 : c.pseudo_channel,
                          .rank = c.rank < 0 ? 0 : c.rank,
                          .bank_group = c.bank_group,
                          .bank = c.bank,
                          .row = c.row,
                          .column = c.column},
                         count_);
    }

    [[nodiscard]] std::int64_t count() const { return count_; }
    [[nodiscard]] std::int64_t count_of(Kind kind) const {
        return by_kind_[static_cast<std::size_t>(kind)];
    }
    /// Equal for equal streams of commands.
    [[nodiscard]] std::uint64_t fingerprint() const { return fingerprint_; }
    /// A name that no command of a log has; empty when all were known.
    [[nodiscard]] const std::string& unknown() const { return unknown_; }
    [[nodiscard]] Checker& checker() { return checker_; }

  private:
    Checker checker_;
    Clock tick_;
    std::int64_t count_ = 0;
    std::array<std::int64_t, kKinds> by_kind_{};
    std::uint64_t fingerprint_ = 0xcbf29ce484222325;
    std::string unknown_;
};

/// Traffic in phases that change every few thousand requests: streams, random reads and writes,
/// rows of one bank in turn, one bank group only, reads and writes in turn, and pauses long enough
/// for power-down, at times for self-refresh.
class AdversarialTraffic {
  public:
    AdversarialTraffic(const dram::DramSpec& spec, std::uint64_t seed)
        : random_(seed),
          burst_(spec.organization.burst_bytes()),
          bursts_(spec.organization.capacity_bytes() / burst_),
          row_bursts_(spec.organization.bursts_per_row()) {}

    void next(dram::TraceRequest& request) {
        if (left_ == 0) {
            phase_ = pick(8);
            left_ = 500 + pick(3000);
            pace_ = pick(3) == 0 ? pick(40) : 0;
            base_ = pick(bursts_);
        }
        --left_;
        ++step_;
        if (pick(700) == 0) cycle_ += pick(5) == 0 ? pick(200'000) : pick(3000);
        cycle_ += pace_;
        request = {.cycle = cycle_, .address = burst() % bursts_ * burst_, .write = write()};
    }

  private:
    std::int64_t pick(std::int64_t below) {
        return static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(below));
    }

    std::int64_t burst() {
        switch (phase_) {
            case 0:
            case 1:
                return base_ + step_;  // a stream
            case 2:
                return base_ + step_ * row_bursts_ * 16;  // a large stride
            case 3:
                return (step_ % 2) * (bursts_ / 2) + pick(64);  // two far regions in turn
            case 4:
                return base_ + pick(8) * (bursts_ / 8);  // eight rows again and again
            case 5:
                return base_ + pick(row_bursts_ * 4);  // few rows, any order
            default:
                return pick(bursts_);  // anywhere
        }
    }

    bool write() {
        switch (phase_) {
            case 0:
                return false;
            case 1:
                return true;
            case 2:
                return step_ % 2 == 0;
            case 5:
                return step_ / 8 % 2 == 0;
            default:
                return pick(3) == 0;
        }
    }

    std::mt19937_64 random_;
    std::int64_t burst_;
    std::int64_t bursts_;
    std::int64_t row_bursts_;
    std::int64_t phase_ = 0;
    std::int64_t left_ = 0;
    std::int64_t pace_ = 0;
    std::int64_t base_ = 0;
    std::int64_t step_ = 0;
    dram::Tick cycle_ = 0;
};

inline constexpr int kHot = 100;  ///< degrees Celsius, of the variant `hot`

/// Ways to run a standard's controller that reach different commands.
enum class Variant : std::uint8_t {
    as_shipped,
    closed_page,
    low_power,
    bank_refresh,
    sleepy_banks,
    two_ranks,
    hot,
    rows_kept_open
};

[[nodiscard]] inline std::string to_string(Variant variant) {
    switch (variant) {
        case Variant::as_shipped:
            return "as_shipped";
        case Variant::closed_page:
            return "closed_page";
        case Variant::low_power:
            return "low_power";
        case Variant::bank_refresh:
            return "bank_refresh";
        case Variant::sleepy_banks:
            return "sleepy_banks";
        case Variant::two_ranks:
            return "two_ranks";
        case Variant::hot:
            return "hot";
        case Variant::rows_kept_open:
            return "rows_kept_open";
    }
    return {};
}

/// Changes a standard as the variant says; false when the standard has no such thing.
[[nodiscard]] inline bool apply(Variant variant, dram::DramSpec& spec) {
    switch (variant) {
        case Variant::as_shipped:
            return true;
        case Variant::closed_page:
            spec.controller.page = dram::PagePolicy::closed;
            return true;
        case Variant::low_power:
            spec.power = {.power_down_after = 50, .self_refresh_after = 20'000};
            return true;
        case Variant::bank_refresh:
            if (spec.standard == "DDR3" || spec.standard == "DDR4") return false;
            spec.refresh.mode = spec.standard == "DDR5" ? dram::RefreshMode::same_bank
                                                        : dram::RefreshMode::per_bank;
            return true;
        case Variant::sleepy_banks:
            return apply(Variant::bank_refresh, spec) && apply(Variant::low_power, spec);
        case Variant::hot:
            spec.refresh.temperature = kHot;
            return true;
        case Variant::rows_kept_open:
            spec.power = {.power_down_after = 50, .keep_rows_open = true};
            return true;
        case Variant::two_ranks:
            // GDDR6 and HBM2 have no gaps between ranks; HBM3 is shipped with two.
            if (spec.organization.ranks != 1 || spec.find("tRTRS") == nullptr) return false;
            spec.organization.ranks = 2;
            spec.address_mapping = "rank|" + spec.address_mapping;
            return true;
    }
    return false;
}

/// Runs a model on adversarial traffic until it has given out `commands` commands.
inline void run_judged(const dram::DramSpec& spec, std::int64_t commands, std::uint64_t seed,
                       JudgedLog& log) {
    AdversarialTraffic traffic(spec, seed);
    const std::int64_t until = log.count() + commands;
    const dram::TraceSupply supply = [&](dram::TraceRequest& request) {
        if (log.count() >= until) return false;
        traffic.next(request);
        return true;
    };
    (void)dram::replay(spec, supply, {.log = &log});
    log.checker().finish();
}

}  // namespace perfwatt::dram_checker
