#pragma once

#include <fmt/core.h>

#include <string>
#include <vector>

#include "tests/dram_checker/model/judged_run.h"

namespace perfwatt::dram_checker {

[[nodiscard]] inline ConfigPath shipped() { return ConfigPath({PERFWATT_SOURCE_DIR}); }

/// The rule lists whose standard is shipped as a memory of the same name.
[[nodiscard]] inline std::vector<std::string> standards() {
    std::vector<std::string> names;
    for (const char* name :
         {"ddr3_1866",     "ddr4_3200",       "ddr5_4800",    "ddr5_6400",      "lpddr4_3200",
          "lpddr4_4266",   "lpddr4x_4266",    "lpddr5_6400",  "lpddr5x_8533",   "lpddr5x_9600",
          "gddr6_14",      "gddr6_16",        "hbm2_2000",    "hbm2e_3200",     "hbm2e_3600",
          "hbm3_5200",     "hbm3_6400",       "hbm3e_8000",   "lpddr5_6400_8b", "lpddr5_3200_16b",
          "ddr5_4800_rfm", "lpddr5_6400_rfm", "hbm3_6400_rfm"}) {
        if (shipped().try_find(ConfigKind::memory, name)) names.emplace_back(name);
    }
    return names;
}

[[nodiscard]] inline RuleSet rules_of(const std::string& name) {
    return load_rules(PERFWATT_SOURCE_DIR "/tests/dram_checker/rules/" + name + ".rules");
}

[[nodiscard]] inline dram::DramSpec spec_of(const std::string& name) {
    return dram::load_spec(shipped(), name).spec;
}

[[nodiscard]] inline std::string listed(const Checker& checker) {
    std::string text;
    for (const Violation& one : checker.violations()) {
        text += fmt::format("  command {}: {}: {}\n", one.line, one.rule, one.details);
    }
    return text;
}

}  // namespace perfwatt::dram_checker
