#include "models/dram/trace_reader.h"

#include <gtest/gtest.h>

#include <sstream>

#include "models/dram/trace_writer.h"
#include "sim/base/diagnostics.h"

namespace perfwatt::dram {
namespace {

std::string outcome(const std::string& text) {
    std::istringstream in(text);
    TraceReader reader(in, "t.csv", 4096);
    TraceRequest request;
    try {
        while (reader.next(request)) {
        }
    } catch (const UserError& error) {
        return error.what();
    }
    return "read";
}

TEST(TraceReader, ReadsDecimalAndHexadecimal) {
    std::istringstream in("# a trace\n0,0x40,R\n\n 7 , 128 , W \r\n");
    TraceReader reader(in, "t.csv", 4096);
    TraceRequest request;
    ASSERT_TRUE(reader.next(request));
    EXPECT_EQ(request.address, 64);
    EXPECT_FALSE(request.write);
    ASSERT_TRUE(reader.next(request));
    EXPECT_EQ(request.cycle, 7);
    EXPECT_EQ(request.address, 128);
    EXPECT_TRUE(request.write);
    EXPECT_FALSE(reader.next(request));
}

TEST(TraceReader, NamesTheLineOfEachMistake) {
    EXPECT_EQ(outcome("0,0,R\n1;0;R\n"),
              "t.csv:2:1: error: malformed trace line\n  1;0;R\n  ^\n"
              "  hint: a line is cycle,address,R or W: 120,0x4c0,R\n");
    EXPECT_EQ(outcome("0,0,X\n"),
              "t.csv:1:5: error: 'X' is neither R nor W\n  0,0,X\n      ^\n"
              "  hint: a line is cycle,address,R or W: 120,0x4c0,R\n");
    EXPECT_EQ(outcome("0,0x1000,R\n"),
              "t.csv:1:3: error: address 0x1000 is beyond the memory's 4096 bytes\n"
              "  0,0x1000,R\n    ^\n"
              "  hint: give the memory more channels, or shorten the trace's addresses\n");
    EXPECT_EQ(outcome("5,0,R\n4,0,R\n"),
              "t.csv:2:1: error: cycle 4 comes after cycle 5\n  4,0,R\n  ^\n"
              "  hint: cycles must not go backwards\n");
    EXPECT_NE(outcome("-1,0,R\n").find("the cycle is not a whole number"), std::string::npos);
    EXPECT_NE(outcome("0,99999999999999999999,R\n").find("the address is not a number"),
              std::string::npos);
}

TEST(TraceReader, RefusesTracesWithoutRequests) {
    for (const char* text : {"", "\n", "# nothing\n\n"}) {
        EXPECT_EQ(outcome(text),
                  "error: there is no request in the trace 't.csv'\n"
                  "  hint: a line is cycle,address,R or W: 120,0x4c0,R\n");
    }
}

TEST(TraceReader, ReadsALastLineWithoutEnd) { EXPECT_EQ(outcome("0,0,R\n1,64,W"), "read"); }

TEST(TraceReader, KeepsNoLineLongerThanFourKilobytes) {
    EXPECT_EQ(outcome("#" + std::string(4000, '-') + "\n0,0,R\n"), "read");
    const std::string message = outcome("0,0,R\n#" + std::string(1'000'000, '-') + "\n");
    EXPECT_NE(message.find("t.csv:2:1: error: the line has 4095 characters or more"),
              std::string::npos)
        << message;
    EXPECT_LT(message.size(), 1000U);
}

TEST(TraceReader, SendsNoControlCharactersToTerminals) {
    const std::string message = outcome("0,0,\x1b[2J\x07\n");
    EXPECT_NE(message.find("'?[2J?' is neither R nor W"), std::string::npos) << message;
    EXPECT_EQ(message.find('\x1b'), std::string::npos);
}

TEST(TraceWriter, WritesTheFormsOfOthers) {
    const auto text = [](TraceForm form) {
        std::istringstream in("0,0x40,R\n7,128,W\n");
        TraceReader reader(in, "t.csv", 4096);
        std::ostringstream out;
        write_trace(
            form, [&](TraceRequest& request) { return reader.next(request); }, out);
        return out.str();
    };
    EXPECT_EQ(text(TraceForm::own), "0,0x40,R\n7,0x80,W\n");
    EXPECT_EQ(text(TraceForm::ramulator), "LD 0x40\nST 0x80\n");
    EXPECT_EQ(text(TraceForm::dramsys), "0:\tread\t0x40\n7:\twrite\t0x80\n");
}

}  // namespace
}  // namespace perfwatt::dram
