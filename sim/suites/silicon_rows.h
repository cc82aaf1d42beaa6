#pragma once

#include <optional>
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

/// A run that is part of an item: the steps of a generation, the networks of a pipeline.
struct Part {
    RunRequest request;
    double times = 1;  ///< items of this run in one item of the published figure
};

/// A published figure, and the runs that stand for it. Not skipped: `parts` are complete.
struct Row {
    Figure figure;  ///< all but ours
    Metric metric = Metric::milliseconds;
    std::vector<Part> parts;  ///< one after the other
    /// Tokens of an item, where the figure counts tokens and the run counts items.
    double tokens = 1;
    double wall_w = 0;  ///< measured at the wall; 0 where it was not, or has no counterpart here
    /// Requests that share the chip while one is timed: the maker's latency holds their turns too.
    int in_flight = 1;
    /// Parts of the chip that serve requests of their own, of which one is run.
    int copies = 1;
};

/// Reads rows.csv (as published), and how each is run: chips.csv, networks.csv, precisions.csv,
/// scenarios.csv of the same folder. A row that names what none of them knows is skipped with the
/// reason; a malformed file throws UserError.
[[nodiscard]] std::vector<Row> read_rows(const std::string& folder, const ConfigPath& configs);

/// Fills in our side of the figure from the records of its parts.
void fill(Row& row, const std::vector<Result>& results);

/// Energy of an item where the power at the wall was measured, of a row that is filled in.
[[nodiscard]] std::optional<Figure> wall_energy(const Row& row);

}  // namespace perfwatt::silicon
