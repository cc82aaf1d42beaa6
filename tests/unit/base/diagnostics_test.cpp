#include "sim/base/diagnostics.h"

#include <gtest/gtest.h>

namespace perfwatt {
namespace {

TEST(Diagnostic, ShowsPlaceLineCaretAndHint) {
    const Diagnostic diagnostic{.place = {.file = "a.yaml", .line = 3, .column = 5},
                                .message = "no good",
                                .hint = "did you mean 'b'?",
                                .source_line = "  x: y"};
    EXPECT_EQ(to_string(diagnostic),
              "a.yaml:3:5: error: no good\n"
              "    x: y\n"
              "      ^\n"
              "  hint: did you mean 'b'?\n");
}

TEST(Diagnostic, LeavesOutWhatIsUnknown) {
    EXPECT_EQ(to_string(Diagnostic{.message = "m"}), "error: m\n");
    EXPECT_EQ(
        to_string(Diagnostic{
            .severity = Severity::warning, .place = {.file = "f", .line = 2}, .message = "m"}),
        "f:2: warning: m\n");
}

TEST(UserError, CarriesEveryMistake) {
    const UserError error(std::vector<Diagnostic>{{.message = "one"}, {.message = "two"}});
    EXPECT_EQ(error.diagnostics().size(), 2U);
    EXPECT_STREQ(error.what(), "error: one\nerror: two\n");
    EXPECT_STREQ(UserError("m", "h").what(), "error: m\n  hint: h\n");
}

TEST(Nearest, FindsWhatIsFewEditsAway) {
    const std::vector<std::string> words = {"clock", "columns", "rows"};
    EXPECT_EQ(nearest("clok", words), "clock");
    EXPECT_EQ(nearest("row", words), "rows");
    EXPECT_EQ(nearest("kolumnz", words), "columns");
    EXPECT_EQ(nearest("banana", words), "");
    EXPECT_EQ(nearest("x", {}), "");
    EXPECT_EQ(did_you_mean("colums", words), "did you mean 'columns'?");
    EXPECT_EQ(did_you_mean("banana", words), "");
}

TEST(Check, NamesTheBrokenInvariant) {
    EXPECT_NO_THROW(PERFWATT_CHECK(1 + 1 == 2, "arithmetic"));
    try {
        PERFWATT_CHECK(1 + 1 == 3, "arithmetic");
        FAIL();
    } catch (const InternalError& error) {
        const std::string text = error.what();
        EXPECT_NE(text.find("diagnostics_test.cpp:"), std::string::npos);
        EXPECT_NE(text.find("check failed: 1 + 1 == 3: arithmetic"), std::string::npos);
    }
}

}  // namespace
}  // namespace perfwatt
