#include "models/dram/device_state.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "models/dram/dram_schema.h"

namespace perfwatt::dram {
namespace {

std::vector<DramSpec> shipped_specs() {
    const ConfigPath path({PERFWATT_SOURCE_DIR});
    std::vector<DramSpec> specs;
    for (const char* name :
         {"ddr3_1866", "ddr4_3200", "ddr5_4800", "lpddr4_4266", "lpddr5_6400", "lpddr5x_8533",
          "gddr6_16", "hbm2_2000", "hbm3_6400", "lpddr5_6400_8b", "lpddr5_3200_16b"}) {
        specs.push_back(load_spec(path, name).spec);
        const auto& rules = specs.back().constraints;
        if (specs.back().organization.ranks == 1 &&
            std::any_of(rules.begin(), rules.end(),
                        [](const Constraint& c) { return c.sibling; })) {
            specs.push_back(specs.back());
            specs.back().organization.ranks = 2;
        }
    }
    return specs;
}

int banks_under(const Organization& org, Level level) {
    switch (level) {
        case Level::channel:
            return org.total_banks();
        case Level::pseudo_channel:
            return org.ranks * org.banks_per_rank();
        case Level::rank:
            return org.banks_per_rank();
        case Level::bank_group:
            return org.banks;
        case Level::bank:
            return 1;
    }
    return 1;
}

/// Ticks between the first ticks of two commands, from the constraint's text alone.
Tick first_to_first(const DramSpec& spec, const Constraint& constraint, Command from, Command to) {
    const auto late = [&](Command command, bool later) {
        const CommandForm& form = spec.forms[static_cast<std::size_t>(command)];
        if (command == Command::activate && spec.two_part_activate) {
            const bool wakes =
                from == Command::power_down_exit || from == Command::self_refresh_exit;
            return later && form.counts_from_last && !wakes ? 1 : 0;
        }
        return form.counts_from_last ? form.ticks - 1 : 0;
    };
    return spec.evaluate(constraint.wait) + late(from, false) - late(to, true);
}

// Each rule of each standard alone: the later command may start at its tick and not a tick before.
TEST(DeviceState, EveryConstraintGatesTightly) {
    int rules = 0;
    for (const DramSpec& spec : shipped_specs()) {
        for (const Constraint& constraint : spec.constraints) {
            DramSpec alone = spec;
            alone.constraints = {constraint};
            const TimingTable table(alone);
            const int node = banks_under(spec.organization, constraint.level);
            if (constraint.sibling && node * 2 > spec.organization.total_banks()) continue;
            for (const Command from : constraint.from) {
                for (const Command to : constraint.to) {
                    DeviceState state(table);
                    constexpr Tick kStart = 100'000;
                    for (int i = 0; i < constraint.window; ++i) {
                        state.issue(from, 0, 5, kStart + i);
                    }
                    const Tick wait = first_to_first(spec, constraint, from, to);
                    const int bank = constraint.sibling ? node : 0;
                    const Tick bus = state.bus_free(to);
                    EXPECT_EQ(state.earliest(to, bank), std::max(bus, kStart + wait))
                        << spec.name << " " << to_string(from) << " to " << to_string(to) << ": "
                        << constraint.wait;
                    ++rules;
                }
            }
        }
    }
    EXPECT_GT(rules, 900);
}

struct Past {
    Command command;
    int bank;
    Tick at;
};

/// The banks that a command concerns.
std::vector<int> banks_of(const DramSpec& spec, Command command, int bank) {
    const int per_rank = spec.organization.banks_per_rank();
    const int first = bank / per_rank * per_rank;
    std::vector<int> banks;
    for (int other = first; other < first + per_rank; ++other) {
        const bool same_number = (other - bank) % spec.organization.banks == 0;
        const bool pair = spec.refresh.banks_at_once == 2 && (other - bank) % (per_rank / 2) == 0;
        const bool by_number =
            command == Command::refresh_same_bank || command == Command::manage_same_bank;
        const bool by_bank = command == Command::refresh_bank || command == Command::manage_bank;
        if (other == bank || (by_number && same_number) || (by_bank && pair)) {
            banks.push_back(other);
        }
    }
    return banks;
}

bool meets(const DramSpec& spec, const Constraint& constraint, const Past& past, int bank,
           Command to) {
    const int node = banks_under(spec.organization, constraint.level);
    for (const int before : banks_of(spec, past.command, past.bank)) {
        for (const int after : banks_of(spec, to, bank)) {
            if (before / node == after / node) return true;
        }
    }
    return false;
}

/// The rules as they read, applied to all that has happened.
Tick plainly(const DramSpec& spec, const std::vector<Past>& history, Command to, int bank) {
    Tick earliest = 0;
    const Organization& org = spec.organization;
    for (const Constraint& constraint : spec.constraints) {
        if (std::find(constraint.to.begin(), constraint.to.end(), to) == constraint.to.end()) {
            continue;
        }
        int seen = 0;
        for (std::size_t i = history.size(); i-- > 0;) {
            const Past& past = history[i];
            if (std::find(constraint.from.begin(), constraint.from.end(), past.command) ==
                constraint.from.end()) {
                continue;
            }
            if (constraint.sibling) {
                const int node = banks_under(org, constraint.level);
                const int parent =
                    banks_under(org, static_cast<Level>(index(constraint.level) - 1));
                if (past.bank / node == bank / node || past.bank / parent != bank / parent) {
                    continue;
                }
            } else if (!meets(spec, constraint, past, bank, to)) {
                continue;
            }
            if (++seen < constraint.window) continue;
            earliest =
                std::max(earliest, past.at + first_to_first(spec, constraint, past.command, to));
            if (constraint.window > 1) break;
        }
    }
    return earliest;
}

TEST(DeviceState, FlatTablesAgreeWithTheRulesAsTheyRead) {
    for (const DramSpec& spec : shipped_specs()) {
        const TimingTable table(spec);
        DeviceState state(table);
        std::mt19937_64 random(7);
        std::vector<Past> history;
        std::vector<Command> used;
        for (const Constraint& constraint : spec.constraints) {
            used.insert(used.end(), constraint.to.begin(), constraint.to.end());
        }
        Tick now = 0;
        for (int i = 0; i < 400; ++i) {
            const Command command = used[random() % used.size()];
            const int bank = static_cast<int>(
                random() % static_cast<std::uint64_t>(spec.organization.total_banks()));
            const Tick rules = plainly(spec, history, command, bank);
            const Tick earliest = state.earliest(command, bank);
            ASSERT_EQ(earliest, std::max(rules, state.bus_free(command)))
                << spec.name << " step " << i << " " << to_string(command);
            now = std::max(now, earliest) + static_cast<Tick>(random() % 3);
            state.issue(command, bank, 1, now);
            history.push_back({command, bank, now});
        }
    }
}

TEST(DeviceState, ReadAfterActivateWaitsTrcd) {
    const DramSpec spec = load_spec(ConfigPath({PERFWATT_SOURCE_DIR}), "ddr4_3200").spec;
    const TimingTable table(spec);
    DeviceState state(table);
    EXPECT_FALSE(state.is_open(3));
    state.issue(Command::activate, 3, 77, 10);
    EXPECT_EQ(state.open_row(3), 77);
    EXPECT_EQ(state.earliest(Command::read, 3), 10 + 22);       // 13.75 ns
    EXPECT_EQ(state.earliest(Command::precharge, 3), 10 + 52);  // 32 ns
    state.issue(Command::precharge_all, 0, -1, 62);
    EXPECT_FALSE(state.is_open(3));
    EXPECT_EQ(state.open_banks(0), 0);
}

}  // namespace
}  // namespace perfwatt::dram
