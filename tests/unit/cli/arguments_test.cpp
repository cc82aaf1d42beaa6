#include "sim/cli/arguments.h"

#include <gtest/gtest.h>

#include "sim/base/diagnostics.h"

namespace perfwatt {
namespace {

VerbSpec toy() {
    return {.name = "toy",
            .summary = "A verb for tests.",
            .positional = "FILE",
            .min_positionals = 0,
            .max_positionals = 1,
            .options = {{"chip", OptionKind::once, "CHIP", "which chip"},
                        {"workload", OptionKind::many, "NAME", "which networks"},
                        {"batch", OptionKind::once, "N", "inferences at once"},
                        {"strict", OptionKind::flag, "", "refuse host work"}}};
}

std::vector<Diagnostic> mistakes(const std::vector<std::string>& words) {
    try {
        (void)parse_arguments(toy(), words);
    } catch (const UserError& error) {
        return error.diagnostics();
    }
    return {};
}

std::string message(const std::vector<std::string>& words) {
    const std::vector<Diagnostic> found = mistakes(words);
    return found.empty() ? "" : found.front().message;
}

TEST(Arguments, ReadsValuesFlagsAndWords) {
    const Arguments arguments = parse_arguments(
        toy(), {"--chip", "warboy", "a.yaml", "--workload=x", "--workload", "y", "--strict"});
    EXPECT_EQ(arguments.required("chip"), "warboy");
    EXPECT_EQ(arguments.texts("workload"), (std::vector<std::string>{"x", "y"}));
    EXPECT_TRUE(arguments.has("strict"));
    EXPECT_EQ(arguments.positionals(), std::vector<std::string>{"a.yaml"});
    EXPECT_EQ(arguments.integer("batch", 3, 1, 9), 3);
}

TEST(Arguments, NegativeValueIsAValue) {
    const Arguments arguments = parse_arguments(toy(), {"--batch", "-4"});
    EXPECT_EQ(arguments.integer("batch", 1, -10, 10), -4);
}

TEST(Arguments, UnknownOptionSuggestsTheNearest) {
    const std::vector<Diagnostic> found = mistakes({"--chpi", "x"});
    ASSERT_FALSE(found.empty());
    EXPECT_EQ(found.front().message, "perfwatt toy has no option '--chpi'");
    EXPECT_EQ(found.front().hint, "did you mean '--chip'?");
}

TEST(Arguments, AbbreviationsAndShortOptionsAreUnknown) {
    EXPECT_EQ(message({"--work", "x"}), "perfwatt toy has no option '--work'");
    EXPECT_EQ(message({"-c", "x"}), "perfwatt toy has no option '-c'");
}

TEST(Arguments, EveryUnknownOptionIsNamed) {
    EXPECT_EQ(mistakes({"--one=1", "--two=2"}).size(), 2U);
}

TEST(Arguments, OnlyRepeatableOptionsRepeat) {
    EXPECT_EQ(message({"--chip", "a", "--chip", "b"}), "--chip is given more than once");
    EXPECT_EQ(message({"--strict", "--strict"}), "--strict is given more than once");
    EXPECT_EQ(message({"--workload", "a", "--workload", "b"}), "");
}

TEST(Arguments, MissingValueIsAnError) {
    EXPECT_NE(message({"--chip"}), "");
    EXPECT_NE(message({"--chip", "--strict"}), "");
}

TEST(Arguments, FlagTakesNoValue) { EXPECT_NE(message({"--strict=yes"}), ""); }

TEST(Arguments, SuperfluousWordIsNamed) {
    EXPECT_EQ(message({"a", "b"}), "'b' is one word too many");
}

TEST(Arguments, EmptyValueIsAnError) {
    const Arguments arguments = parse_arguments(toy(), {"--chip", ""});
    EXPECT_THROW((void)arguments.required("chip"), UserError);
}

TEST(Arguments, MissingOptionIsNamed) {
    EXPECT_THROW((void)parse_arguments(toy(), {}).required("chip"), UserError);
}

TEST(Arguments, ChoiceListsWhatIsSupported) {
    const Arguments arguments = parse_arguments(toy(), {"--chip", "tabel"});
    try {
        (void)arguments.choice("chip", {"table", "json"});
        FAIL() << "accepted";
    } catch (const UserError& error) {
        EXPECT_EQ(error.diagnostics().front().message,
                  "--chip 'tabel' is not supported; it takes: table, json");
        EXPECT_EQ(error.diagnostics().front().hint, "did you mean 'table'?");
    }
}

TEST(ParseInteger, TakesWholeDecimalNumbersWithinTheRange) {
    EXPECT_EQ(parse_integer("12", "--batch", 1, 100), 12);
    for (const char* bad : {"", "0", "101", "1.5", "1e3", "0x10", " 1", "1 ", "inf", "nan", "+1",
                            "99999999999999999999", "-99999999999999999999"}) {
        EXPECT_THROW((void)parse_integer(bad, "--batch", 1, 100), UserError) << bad;
    }
}

TEST(Help, ShowsEveryOption) {
    const std::string help = help_text(toy());
    for (const char* word :
         {"--chip CHIP", "--workload NAME ...", "--strict", "refuse host work"}) {
        EXPECT_NE(help.find(word), std::string::npos) << word;
    }
}

}  // namespace
}  // namespace perfwatt
