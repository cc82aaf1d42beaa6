#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "models/dram/address_mapping.h"
#include "models/dram/dram_spec.h"
#include "models/dram/timing_table.h"

namespace perfwatt::dram {
namespace {

/// Collects findings of one standard; nothing it does throws.
class Linter {
  public:
    explicit Linter(const DramSpec& spec) : spec_(spec) {}

    std::vector<Diagnostic> run() {
        if (!terms_are_known()) return std::move(findings_);
        check_burst();
        check_columns();
        check_sums();
        check_refresh();
        check_rules();
        check_ranks();
        check_controller();
        check_mapping();
        return std::move(findings_);
    }

  private:
    void add(Severity severity, const std::string& message, std::string hint = {}) {
        findings_.push_back({.severity = severity,
                             .place = {},
                             .message = fmt::format("memory '{}': {}", spec_.name, message),
                             .hint = std::move(hint),
                             .source_line = {}});
    }
    void error(const std::string& message) { add(Severity::error, message); }
    void warn(const std::string& message, std::string hint = {}) {
        add(Severity::warning, message, std::move(hint));
    }

    template <class Action>
    bool attempt(Action action) {
        try {
            action();
            return true;
        } catch (const UserError& problem) {
            for (const Diagnostic& diagnostic : problem.diagnostics()) {
                findings_.push_back(diagnostic);
            }
            return false;
        }
    }

    bool terms_are_known() {
        bool good = true;
        const auto need = [&](const std::string& sum) {
            good = attempt([&] { (void)spec_.evaluate(sum); }) && good;
        };
        for (const char* parameter : {"tRL", "tWL", "tBL"}) need(parameter);
        if (spec_.refresh.mode != RefreshMode::none) need("tREFI");
        if (spec_.two_part_activate) need("tAAD");
        if (spec_.wck.needed) need(spec_.wck.runs_for);
        for (const Constraint& constraint : spec_.constraints) need(constraint.wait);
        return good;
    }

    [[nodiscard]] double ns(Tick ticks) const {
        return static_cast<double>(ticks) * 1e9 / static_cast<double>(spec_.tick_clock().hertz());
    }

    void check_burst() {
        const Organization& org = spec_.organization;
        const Tick burst = spec_.ticks("tBL");
        const double ticks = static_cast<double>(org.burst_length) *
                             static_cast<double>(spec_.tick_clock().hertz()) /
                             static_cast<double>(spec_.transfers_per_second);
        if (std::abs(static_cast<double>(burst) - ticks) > 0.02 * ticks) {
            error(fmt::format("a burst of {} beats takes {:.2f} ticks at {} MT/s, but tBL is {}",
                              org.burst_length, ticks, spec_.transfers_per_second / 1'000'000,
                              burst));
        }
        if (org.width_bits * org.burst_length % 8 != 0) {
            error(fmt::format("a burst of {} beats of {} bits is no whole number of bytes",
                              org.burst_length, org.width_bits));
        } else if (org.row_bytes() % org.burst_bytes() != 0) {
            error(fmt::format("a row of {} B holds no whole number of bursts of {} B",
                              org.row_bytes(), org.burst_bytes()));
        }
    }

    /// The longest wait of rules from `from` to `to` at a level, -1 for none.
    [[nodiscard]] Tick wait_of(Level level, Command from, Command to) const {
        Tick wait = -1;
        for (const Constraint& rule : spec_.constraints) {
            const auto has = [](const std::vector<Command>& list, Command command) {
                return std::find(list.begin(), list.end(), command) != list.end();
            };
            if (rule.level == level && rule.window == 1 && !rule.sibling && has(rule.from, from) &&
                has(rule.to, to)) {
                wait = std::max(wait, spec_.evaluate(rule.wait));
            }
        }
        return wait;
    }
    [[nodiscard]] Tick wait_anywhere(Command from, Command to) const {
        Tick wait = -1;
        for (int level = 0; level < kLevels; ++level) {
            wait = std::max(wait, wait_of(static_cast<Level>(level), from, to));
        }
        return wait;
    }

    void check_columns() {
        const Tick burst = spec_.ticks("tBL");
        for (const Command command : {Command::read, Command::write}) {
            Tick apart = -1;
            for (const Level level : {Level::channel, Level::pseudo_channel, Level::rank}) {
                apart = std::max(apart, wait_of(level, command, command));
            }
            if (apart < 0 && spec_.organization.total_banks() == 1) {
                apart = wait_of(Level::bank, command, command);
            }
            if (apart < burst) {
                error(fmt::format(
                    "{} may follow {} after {} ticks, but a burst holds the pins "
                    "for {}",
                    to_string(command), to_string(command), std::max<Tick>(apart, 0), burst));
            } else if (apart > burst) {
                warn(
                    fmt::format("{} follows {} after {} ticks, longer than a burst of {}: streams "
                                "reach {:.0f} % of the peak",
                                to_string(command), to_string(command), apart, burst,
                                100.0 * static_cast<double>(burst) / static_cast<double>(apart)));
            }
        }
    }

    void check_sums() {
        if (spec_.find("tRC") == nullptr || spec_.find("tRAS") == nullptr ||
            spec_.find("tRP") == nullptr) {
            return;
        }
        const Tick cycle = spec_.ticks("tRC");
        const Tick sum = spec_.ticks("tRAS") + spec_.ticks("tRP");
        const Tick slack = 2 * spec_.ticks_per_clock;  // each term is rounded up
        if (std::abs(cycle - sum) > slack) {
            warn(fmt::format("tRC is {:.2f} ns, but tRAS + tRP are {:.2f} ns", ns(cycle), ns(sum)));
        }
        if (spec_.find("tFAW") != nullptr) {
            const char* between = spec_.find("tRRD") != nullptr ? "tRRD" : "tRRD_S";
            if (spec_.find(between) != nullptr && spec_.ticks("tFAW") < spec_.ticks(between)) {
                warn(
                    fmt::format("tFAW, four activates, is {:.2f} ns, less than one {} of {:.2f} ns",
                                ns(spec_.ticks("tFAW")), between, ns(spec_.ticks(between))));
            }
        }
    }

    void check_refresh() {
        if (spec_.refresh.mode == RefreshMode::none) {
            warn("it is never refreshed", "set refresh.mode");
            return;
        }
        const Command command = refresh_command(spec_.refresh.mode);
        const Tick wait = wait_anywhere(command, Command::activate);
        if (wait < 0) {
            error(
                fmt::format("refresh mode needs a constraint from {} to ACT", to_string(command)));
            return;
        }
        if (spec_.organization.banks_per_rank() % spec_.refresh.banks_at_once != 0) {
            error(fmt::format("{} banks cannot be refreshed {} at a time",
                              spec_.organization.banks_per_rank(), spec_.refresh.banks_at_once));
            return;
        }
        if (spec_.refresh.mode == RefreshMode::per_bank && spec_.find("tREFIpb") != nullptr) {
            const Tick round = spec_.ticks_at_most("tREFIpb") *
                               spec_.organization.banks_per_rank() / spec_.refresh.banks_at_once;
            if (round > spec_.ticks("tREFI")) {
                warn(fmt::format("a bank is refreshed every {:.0f} ns, not every {:.0f} ns",
                                 ns(round), ns(spec_.ticks("tREFI"))),
                     "shorten tREFIpb, or set refresh.banks_at_once");
            }
        }
        check_temperature();
        check_management();
        if (spec_.refresh.mode != RefreshMode::all_bank) return;
        const double share = static_cast<double>(wait) / static_cast<double>(spec_.ticks("tREFI")) *
                             spec_.refresh.divisor();
        if (share >= 0.5) {
            error(fmt::format("refresh takes {:.0f} % of the time", 100 * share));
        } else if (share > 0.15) {
            warn(fmt::format("refresh takes {:.1f} % of the time", 100 * share));
        }
    }

    void check_temperature() {
        const RefreshPolicy& refresh = spec_.refresh;
        constexpr int kNormal = 85;  // up to which tREFI holds, in every standard
        const bool known = std::any_of(refresh.hot.begin(), refresh.hot.end(), [&](const auto& h) {
            return refresh.temperature > h.above;
        });
        if (refresh.temperature > kNormal && !known) {
            warn(fmt::format("at {} degrees it is refreshed as often as at {}", refresh.temperature,
                             kNormal),
                 "say in refresh.hot how much more often");
        }
        if (spec_.find("tREFI") == nullptr || refresh.mode == RefreshMode::all_bank) return;
        const Tick wait =
            wait_anywhere(refresh_command(refresh.mode), refresh_command(refresh.mode));
        const TimingTable table(spec_);
        if (wait > table.refresh_bank_interval) {
            error(fmt::format("{} is due every {:.0f} ns, but takes {:.0f} ns",
                              to_string(refresh_command(refresh.mode)),
                              ns(table.refresh_bank_interval), ns(wait)));
        }
    }

    void check_management() {
        const ManagementPolicy& policy = spec_.refresh.management;
        if (policy.mode == RefreshMode::none) return;
        const Command command = management_command(policy.mode);
        if (wait_anywhere(command, Command::activate) < 0) {
            error(fmt::format("refresh management needs a constraint from {} to ACT",
                              to_string(command)));
        }
        if (policy.initial < 1 || policy.maximum < policy.initial) {
            error(
                fmt::format("refresh management is due after {} activates and at most {}: the "
                            "first must be at least 1 and not above the second",
                            policy.initial, policy.maximum));
            return;
        }
        const int per_management =
            policy.per_management == 0 ? policy.initial : policy.per_management;
        const Tick cycle = wait_of(Level::bank, Command::activate, Command::activate);
        const double most = cycle <= 0 ? 0
                                       : static_cast<double>(spec_.ticks("tREFI")) /
                                             spec_.refresh.divisor() / static_cast<double>(cycle);
        if (cycle > 0 && most < policy.per_refresh && most < policy.initial) {
            warn(
                fmt::format("a bank is activated at most {:.0f} times between refreshes, which "
                            "take {} off its count: management is never due",
                            most, policy.per_refresh));
        }
        const Tick wait = wait_anywhere(command, Command::activate);
        if (cycle > 0 && wait > per_management * cycle) {
            warn(
                fmt::format("managing a bank takes {:.0f} ns after {} activates of {:.0f} ns: more "
                            "than half the time of a busy bank",
                            ns(wait), per_management, ns(cycle)));
        }
    }

    void check_rules() {
        using enum Command;
        struct Pair {
            Command from, to;
        };
        for (const Pair& pair :
             {Pair{activate, read}, Pair{activate, write}, Pair{activate, precharge},
              Pair{precharge, activate}, Pair{read, precharge}, Pair{write, precharge},
              Pair{read, write}, Pair{write, read}, Pair{activate, activate}}) {
            if (wait_anywhere(pair.from, pair.to) < 0) {
                error(fmt::format("no constraint from {} to {}", to_string(pair.from),
                                  to_string(pair.to)));
            }
        }
        if (spec_.power.power_down_after > 0 && wait_anywhere(power_down_exit, activate) < 0) {
            error("power-down needs a constraint from PDX to ACT");
        }
        if (spec_.power.self_refresh_after > 0 && wait_anywhere(self_refresh_exit, activate) < 0) {
            error("self-refresh needs a constraint from SRX to ACT");
        }
    }

    /// Ranks share the pins: between any two column commands there has to be a gap.
    void check_ranks() {
        using enum Command;
        if (spec_.organization.ranks < 2) return;
        for (const auto& [from, to] : {std::pair{read, read}, std::pair{write, write},
                                       std::pair{read, write}, std::pair{write, read}}) {
            const auto has = [](const std::vector<Command>& list, Command command) {
                return std::find(list.begin(), list.end(), command) != list.end();
            };
            const bool bound = std::any_of(
                spec_.constraints.begin(), spec_.constraints.end(), [&](const Constraint& rule) {
                    const bool reaches = rule.sibling ? rule.level == Level::rank
                                                      : index(rule.level) < index(Level::rank);
                    return reaches && has(rule.from, from) && has(rule.to, to);
                });
            if (bound) continue;
            error(fmt::format("{} ranks need a constraint from {} to {} of another rank",
                              spec_.organization.ranks, to_string(from), to_string(to)));
        }
    }

    void check_controller() {
        if (spec_.controller.write_low >= spec_.controller.write_high) {
            error(fmt::format("the write marks {} and {} are the wrong way round",
                              spec_.controller.write_low, spec_.controller.write_high));
        }
        if (spec_.refresh.mode != RefreshMode::all_bank && spec_.refresh.max_postponed > 0) {
            warn("only all-bank refreshes are postponed");
        }
    }

    void check_mapping() {
        attempt([&] {
            const AddressMapping mapping(spec_, 1);
            const Organization& org = spec_.organization;
            const std::int64_t run = std::min<std::int64_t>(mapping.run_bursts(), 64);
            if (org.bank_groups < 2 || run < 2) return;
            std::int64_t same = 0;
            for (std::int64_t i = 1; i < run; ++i) {
                same += mapping.place(i).bank / org.banks == mapping.place(i - 1).bank / org.banks;
            }
            const Tick burst = spec_.ticks("tBL");
            const Tick within = wait_of(Level::bank_group, Command::read, Command::read);
            if (within > burst && same * 2 > run) {
                warn(fmt::format("neighbouring bursts stay in one bank group ({} of {}), where "
                                 "reads are {} ticks apart: a stream reaches {:.0f} % of the peak",
                                 same, run - 1, within,
                                 100.0 * static_cast<double>(burst) / static_cast<double>(within)),
                     "put bank_group to the right of column in address_mapping");
            }
        });
    }

    const DramSpec& spec_;
    std::vector<Diagnostic> findings_;
};

}  // namespace

std::vector<Diagnostic> lint(const DramSpec& spec) { return Linter(spec).run(); }

std::vector<std::pair<std::string, std::string>> facts(const DramSpec& spec) {
    const Organization& org = spec.organization;
    const TimingTable table(spec);
    const double tick_ns = 1e9 / static_cast<double>(spec.tick_clock().hertz());
    const auto ns = [&](Tick ticks) {
        return fmt::format("{:.2f} ns", static_cast<double>(ticks) * tick_ns);
    };
    std::vector<std::pair<std::string, std::string>> facts = {
        {"peak bandwidth", fmt::format("{:.2f} GB/s a channel",
                                       static_cast<double>(spec.peak_bytes_per_second()) * 1e-9)},
        {"capacity", fmt::format("{:.2f} GiB a channel", static_cast<double>(org.capacity_bytes()) /
                                                             (1024.0 * 1024 * 1024))},
        {"banks", fmt::format("{}", org.total_banks())},
        {"burst", fmt::format("{} B", org.burst_bytes())},
        {"row", fmt::format("{} B", org.row_bytes())},
        {"read latency, row open", ns(table.read_latency)},
        {"write latency, row open", ns(table.write_latency)}};
    for (const TimingTable::Rule& rule : table.rules[index(Command::activate)]) {
        if (rule.to != index(Command::read)) continue;
        facts.emplace_back("read latency, row closed", ns(rule.wait + table.read_latency));
        break;
    }
    for (const TimingTable::Rule& rule : table.rules[index(Command::refresh_all)]) {
        if (rule.to != index(Command::activate) || table.refresh_interval == 0) continue;
        facts.emplace_back("refresh", fmt::format("{} every {}, {:.1f} % of the time",
                                                  ns(rule.wait), ns(table.refresh_interval),
                                                  100.0 * static_cast<double>(rule.wait) /
                                                      static_cast<double>(table.refresh_interval)));
        break;
    }
    const ManagementPolicy& management = spec.refresh.management;
    if (management.mode != RefreshMode::none) {
        facts.emplace_back("refresh management",
                           fmt::format("{} after {} activates of a bank, {} at most",
                                       to_string(management_command(management.mode)),
                                       management.initial, management.maximum));
    }
    return facts;
}

}  // namespace perfwatt::dram
