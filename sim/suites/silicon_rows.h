#pragma once

#include <string>
#include <vector>

#include "sim/run/run.h"
#include "sim/validation/figure.h"

namespace perfwatt::silicon {

/// What the published figure is of, and so how ours is made from a record.
enum class Metric {
    milliseconds,     ///< of one item, times the requests in flight
    per_second,       ///< items or tokens
    tera_operations,  ///< two a MAC
    per_watt,         ///< items a second a watt
};

/// A published figure, and the run that stands for it. Not skipped: `request` is complete.
struct Row {
    Figure figure;  ///< all but ours
    Metric metric = Metric::milliseconds;
    RunRequest request;
    /// Requests that share the chip while one is timed: the maker's latency holds their turns too.
    int in_flight = 1;
    /// Parts of the chip that serve requests of their own, of which `request` runs one.
    int copies = 1;
};

/// Reads rows.csv (as published), and how each is run: chips.csv, networks.csv, precisions.csv,
/// scenarios.csv of the same folder. A row that names what none of them knows is skipped with the
/// reason; a malformed file throws UserError.
[[nodiscard]] std::vector<Row> read_rows(const std::string& folder, const ConfigPath& configs);

/// Fills in our side of the figure from the record of its run.
void fill(Row& row, const Result& result);

}  // namespace perfwatt::silicon
