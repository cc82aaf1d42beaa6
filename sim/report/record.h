#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/stats/result.h"

namespace perfwatt {

class JsonWriter;

inline constexpr std::string_view kResultSchema = "perfwatt/result/v1";

/// The label of what was done to an entry's network: entries are compared in spite of it.
inline constexpr std::string_view kLightenLabel = "lighten";

/// One line of a comparison or a sweep: what was asked, and its result or why there is none.
struct Entry {
    std::vector<std::pair<std::string, std::string>> labels;  ///< a sweep's parameters, in order
    std::string chip;
    std::string workload;
    std::int64_t batch = 1;
    std::string status = "ok";  ///< ok, infeasible, crashed, timeout, out_of_memory
    std::string reason;         ///< where status is not ok
    Result result;              ///< where status is ok

    [[nodiscard]] bool ok() const { return status == "ok"; }
};

[[nodiscard]] Entry entry_of(Result result);

/// The record `perfwatt/result/v1` as JSON, keys in the record's order.
[[nodiscard]] std::string result_json(const Result& result);
[[nodiscard]] std::string results_json(std::span<const Result> results);
/// Writes the record where a larger document wants it.
void write_result(JsonWriter& json, const Result& result);
/// An array of records. One with labels ends with a key `labels`; one that is not ok has only
/// `schema`, `chip`, `workload`, `batch`, `status` and `reason`.
[[nodiscard]] std::string entries_json(std::span<const Entry> entries);

/// Reads what result_json wrote. UserError if `json` is not such a record.
[[nodiscard]] Result result_from_json(std::string_view json);

/// One line a result: the scalar fields, the breakdowns as columns. Labels come first; entries
/// without a result leave their figures empty.
[[nodiscard]] std::string entries_csv(std::span<const Entry> entries);
/// One line a layer.
[[nodiscard]] std::string layers_csv(const Result& result);

/// A figure of the record by its key, for axes and tolerances.
struct Metric {
    std::string_view name;  ///< "latency_ns"
    bool smaller_is_better = true;
    double (*get)(const Result&) = nullptr;
};
[[nodiscard]] std::span<const Metric> metrics();
/// UserError with the nearest name if there is none.
[[nodiscard]] const Metric& metric(std::string_view name);

/// Indices of the entries that no other beats in both metrics, best first in `x`. Only entries
/// that are ok take part; of equal points the first stays.
[[nodiscard]] std::vector<std::size_t> pareto_front(std::span<const Entry> entries, const Metric& x,
                                                    const Metric& y);

}  // namespace perfwatt
