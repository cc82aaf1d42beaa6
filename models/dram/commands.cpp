#include "models/dram/commands.h"

namespace perfwatt::dram {
namespace {

constexpr std::array<std::string_view, kCommands> kCommandNames = {
    "ACT",     "PRE",     "PREA",    "RD",      "WR",      "RDA",    "WRA",    "REFAB",
    "REFPB",   "REFSB",   "PDE",     "PDX",     "SRE",     "SRX",    "RFMAB",  "RFMPB",
    "RFMSB",   "PIM_ACT", "PIM_PRE", "PIM_RD",  "PIM_WR",  "PIM_EW", "PIM_AF", "PIM_WRB",
    "PIM_WRR", "PIM_RDR", "PIM_RDC", "PIM_WRC", "PIM_MODE"};

constexpr std::array<std::string_view, kLevels> kLevelNames = {"channel", "pseudo_channel", "rank",
                                                               "bank_group", "bank"};

}  // namespace

std::string_view to_string(Command command) {
    return kCommandNames[static_cast<std::size_t>(command)];
}

std::optional<Command> command_from(std::string_view name) {
    for (std::size_t i = 0; i < kCommandNames.size(); ++i) {
        if (kCommandNames[i] == name) return static_cast<Command>(i);
    }
    return std::nullopt;
}

std::string_view to_string(Level level) { return kLevelNames[static_cast<std::size_t>(level)]; }

std::optional<Level> level_from(std::string_view name) {
    for (std::size_t i = 0; i < kLevelNames.size(); ++i) {
        if (kLevelNames[i] == name) return static_cast<Level>(i);
    }
    return std::nullopt;
}

}  // namespace perfwatt::dram
