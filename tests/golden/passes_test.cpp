#include <cstdlib>
#include <sstream>

#include "sim/compiler/compiler.h"
#include "tests/physics/laboratory.h"

namespace perfwatt::laboratory {
namespace {

/// The texts in passes/ were recorded from this program: they show what changed, not what is true.
/// To record them again, and then read every line that differs:
///   PERFWATT_RECORD_GOLDEN=1 build/release/tests/test_golden && git diff tests/golden
constexpr std::string_view kNotice =
    "# Recorded from perfwatt itself (see passes_test.cpp): shows changes, proves nothing.\n";

std::string golden_file(const std::string& name) {
    return std::string(PERFWATT_SOURCE_DIR) + "/tests/golden/passes/" + name;
}

void expect_golden(const std::string& name, const std::string& text) {
    if (std::getenv("PERFWATT_RECORD_GOLDEN") != nullptr)
        std::ofstream(golden_file(name)) << kNotice << text;
    std::stringstream golden;
    golden << std::ifstream(golden_file(name)).rdbuf();
    EXPECT_EQ(golden.str(), std::string(kNotice) + text) << "of " << golden_file(name);
}

RunRequest tiny_on_generic() {
    return {.chip = "generic_edge_npu", .workload = golden_file("tiny.yaml")};
}

TEST(Golden, TextAfterEveryPass) {
    const Laboratory lab;
    RunRequest request = tiny_on_generic();
    request.dump_after = pass_names();
    const Answer answer = lab.run(request);
    std::vector<std::string> passes;
    for (const auto& [pass, text] : answer.dumps) {
        passes.push_back(pass);
        expect_golden(pass + ".txt", text);
    }
    EXPECT_EQ(passes, pass_names());
}

TEST(Golden, MappingThatReplays) {
    const Laboratory lab;
    RunRequest request = tiny_on_generic();
    request.want_mapping = true;
    expect_golden("mapping.yaml", lab.run(request).mapping);
}

TEST(Golden, RecordOfATinyRun) {
    const Laboratory lab;
    Result result = lab.run(tiny_on_generic()).result;
    // What changes without any figure changing.
    result.version = "";
    result.config_hash = "";
    result.workload = "tiny";
    expect_golden("record.json.txt", result_json(result));
}

}  // namespace
}  // namespace perfwatt::laboratory
