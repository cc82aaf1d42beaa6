#include "sim/arch/pim_schema.h"

#include <fmt/format.h>

namespace perfwatt {
namespace {

MapSchema<PimArithmetic> arithmetic_schema() {
    return MapSchema<PimArithmetic>("arithmetic")
        .data_type("weights", &PimArithmetic::weights, std::nullopt, "of what lies in the banks")
        .data_type("inputs", &PimArithmetic::inputs, std::nullopt, "of what comes from the host");
}

MapSchema<PimRows> rows_schema() {
    const CountLimits row{.min = -1, .max = 1 << 24, .otherwise = -1};
    return MapSchema<PimRows>("rows")
        .count("park", &PimRows::park, row,
               "where banks are left while modes change; rows with this bit set hold no data")
        .count("enter", &PimRows::enter, row, "written to go from one bank to all banks")
        .count("leave", &PimRows::leave, row, "written to go back")
        .count("registers", &PimRows::registers, row,
               "program, operands and control; without one they have commands of their own")
        .count("zero", &PimRows::zero, row, "holds zeros, for sums that stay in memory");
}

MapSchema<PimPrices> prices_schema() {
    const QuantityLimits energy{.min = "0 pJ", .max = "1 uJ", .otherwise = std::nullopt};
    const QuantityLimits bit{.min = "0 pJ/bit", .max = "1000 pJ/bit", .otherwise = std::nullopt};
    return MapSchema<PimPrices>("energy")
        .energy("mac", &PimPrices::mac, energy, "a multiplication and its addition in a lane")
        .energy_per_bit("cell", &PimPrices::cell_bit, bit, "between the cells and the unit")
        .energy_per_bit("input", &PimPrices::input_bit, bit, "from the pins to the units")
        .energy_per_bit("output", &PimPrices::output_bit, bit, "from the units to the pins")
        .energy_per_bit("register", &PimPrices::register_bit, bit,
                        "into or out of a register or the buffer")
        .energy("activate_bank", &PimPrices::activate_bank, energy,
                "a row of one bank, opened and closed for the units");
}

MapSchema<PimSpec> make_schema() {
    MapSchema<PimSpec> schema("pim");
    schema
        .choice("style", &PimSpec::style,
                {.names = {{"lanes", PimStyle::lanes}, {"tree", PimStyle::tree}}},
                "lanes with registers, or an adder tree with a shared buffer")
        .count("units", &PimSpec::units, {.max = 1024}, "of a rank")
        .count("banks_per_unit", &PimSpec::banks_per_unit, {.max = 64, .otherwise = 1},
               "that take turns at a unit")
        .maps("arithmetic", &PimSpec::arithmetic, arithmetic_schema(), {.min = 1, .max = 32},
              "pairs of types that are multiplied, a column of weights at a time")
        .count("program", &PimSpec::program_entries, {.max = 4096, .otherwise = 32},
               "instructions a unit holds")
        .count("program_burst", &PimSpec::program_instructions_per_burst,
               {.max = 64, .otherwise = 8}, "instructions a burst brings")
        .count("inputs", &PimSpec::inputs, {.max = 4096, .otherwise = 8},
               "registers for operands, a column wide each")
        .count("results", &PimSpec::results, {.max = 4096, .otherwise = 8},
               "registers for sums, a column wide each")
        .count("scalars", &PimSpec::scalars, {.min = 0, .max = 4096, .otherwise = 0},
               "registers for a scalar each")
        .bytes("buffer", &PimSpec::buffer_bytes, {.min = "0 B", .max = "1 MiB", .otherwise = "0 B"},
               "shared by the units of a channel")
        .count("row_buffers", &PimSpec::row_buffers, {.min = 1, .max = 2, .otherwise = 1},
               "of a bank; 1: jobs and the host take turns; 2: units have one of their own, and "
               "the host reads and writes while they work")
        .count("activate_banks", &PimSpec::activate_banks, {.min = 0, .max = 64, .otherwise = 0},
               "rows one command opens at most, for power; 0: those of all banks of a set")
        .time("fence", &PimSpec::fence, {.min = "0 fs", .max = "1 ms", .otherwise = "0 fs"},
              "that a barrier takes beyond what it waits for")
        .count("fence_every", &PimSpec::fence_every, {.min = 0, .max = 4096, .otherwise = 0},
               "columns between barriers; 0: only where operands or results change hands")
        .flag("close_unused", &PimSpec::close_unused, false,
              "rows not needed before the next barrier are closed at once")
        .flag("in_order", &PimSpec::in_order, false, "commands go out in the program's order")
        .flag("reduces", &PimSpec::reduces, false, "a unit adds up its lanes; else the host does")
        .map("rows", &PimSpec::rows, rows_schema(), Presence::optional,
             "rows that mean something else than data")
        .map("energy", &PimSpec::prices, prices_schema(), Presence::required, "prices")
        .flag("folding", &PimSpec::folding, true, "channels that do the same are simulated once");
    return schema;
}

}  // namespace

const MapSchema<PimSpec>& pim_schema() {
    static const MapSchema<PimSpec> schema = make_schema();
    return schema;
}

std::vector<std::pair<std::string, std::string>> pim_mistakes(const PimSpec& spec) {
    std::vector<std::pair<std::string, std::string>> found;
    if (spec.units * spec.banks_per_unit != spec.banks)
        found.emplace_back(
            "units",
            fmt::format("{} units over {} banks each take {} banks, a rank has {}", spec.units,
                        spec.banks_per_unit, spec.units * spec.banks_per_unit, spec.banks));
    const auto row = [&](const char* name, std::int64_t value) {
        if (value >= spec.rows_per_bank)
            found.emplace_back("rows", fmt::format("row '{}' is {}, a bank has {} rows", name,
                                                   value, spec.rows_per_bank));
    };
    row("park", spec.rows.park);
    row("enter", spec.rows.enter);
    row("leave", spec.rows.leave);
    row("registers", spec.rows.registers);
    row("zero", spec.rows.zero);
    const bool some = spec.rows.park >= 0 || spec.rows.enter >= 0 || spec.rows.leave >= 0;
    const bool all = spec.rows.park > 0 && spec.rows.enter >= 0 && spec.rows.leave >= 0;
    if (some && !all) found.emplace_back("rows", "'park', 'enter' and 'leave' belong together");
    if (all && (spec.rows.park & (spec.rows.park - 1)) != 0)
        found.emplace_back("rows", "'park' must be a power of two: one bit tells data from modes");
    if (spec.style == PimStyle::tree && spec.buffer_bytes < spec.column_bytes)
        found.emplace_back("buffer", fmt::format("the buffer of a tree holds at least a column: "
                                                 "{} bytes",
                                                 spec.column_bytes));
    if (spec.activate_banks > 0 && spec.banks / spec.banks_per_unit % spec.activate_banks != 0)
        found.emplace_back("activate_banks",
                           fmt::format("{} banks of a set are not opened {} at a time",
                                       spec.banks / spec.banks_per_unit, spec.activate_banks));
    if (spec.concurrent() && (spec.style != PimStyle::tree || spec.rows.park >= 0))
        found.emplace_back("row_buffers",
                           "units with a row buffer of their own need style 'tree' and modes "
                           "without rows: parking and operands take the host's buffer");
    return found;
}

}  // namespace perfwatt
