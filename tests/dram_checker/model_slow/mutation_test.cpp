// A judge that would pass anything proves nothing: when a standard loses one of its constraints,
// and its model gives out other commands because of that, the checker must object.

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "tests/dram_checker/model/judged_run.h"
#include "tests/dram_checker/model/standards.h"

namespace perfwatt::dram_checker {
namespace {

constexpr std::int64_t kCommands = 30'000;

struct Outcome {
    std::vector<std::uint64_t> fingerprints;
    std::int64_t violations = 0;
};

Outcome run_variants(const RuleSet& rules, const dram::DramSpec& spec) {
    Outcome outcome;
    for (const Variant variant : {Variant::as_shipped, Variant::bank_refresh, Variant::closed_page,
                                  Variant::low_power, Variant::two_ranks}) {
        dram::DramSpec changed = spec;
        if (!apply(variant, changed)) continue;
        JudgedLog log(rules, spec.tick_clock());
        run_judged(changed, kCommands, 3, log);
        outcome.fingerprints.push_back(log.fingerprint());
        outcome.violations += log.checker().violation_count();
    }
    return outcome;
}

class Mutation : public ::testing::TestWithParam<std::string> {};

TEST_P(Mutation, LosingAConstraintThatBindsIsNoticed) {
    const RuleSet rules = rules_of(GetParam());
    const dram::DramSpec spec = spec_of(GetParam());
    const Outcome whole = run_variants(rules, spec);
    ASSERT_EQ(whole.violations, 0);
    std::size_t binding = 0;
    std::vector<std::string> missed;
    for (std::size_t i = 0; i < spec.constraints.size(); ++i) {
        dram::DramSpec mutant = spec;
        const dram::Constraint lost = mutant.constraints[i];
        mutant.constraints.erase(mutant.constraints.begin() + static_cast<std::ptrdiff_t>(i));
        const Outcome outcome = run_variants(rules, mutant);
        if (outcome.fingerprints == whole.fingerprints) continue;  // another one covers it
        ++binding;
        if (outcome.violations == 0) {
            missed.push_back(std::string(dram::to_string(lost.level)) + ": " +
                             std::string(dram::to_string(lost.from.front())) + " to " +
                             std::string(dram::to_string(lost.to.front())) + " " + lost.wait);
        }
    }
    // A list takes the weaker of two published figures, which a shorter one may already imply
    // (DDR5: four tRRD_S are the least tFAW), so that few mutants are legal by it.
    EXPECT_LE(missed.size(), 2u) << ::testing::PrintToString(missed);
    EXPECT_GE(binding * 10, spec.constraints.size() * 4);
}

INSTANTIATE_TEST_SUITE_P(All, Mutation, ::testing::ValuesIn(standards()),
                         [](const auto& name) { return name.param; });

}  // namespace
}  // namespace perfwatt::dram_checker
