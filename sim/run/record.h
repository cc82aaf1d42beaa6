#pragma once

#include <string>
#include <vector>

#include "sim/arch/chip_loader.h"
#include "sim/arch/memory_catalog.h"
#include "sim/compiler/lighten.h"
#include "sim/run/run.h"
#include "sim/run/unfold.h"
#include "sim/stats/result.h"

namespace perfwatt {

/// What a record is made of beside the figures of the run.
struct RecordContext {
    const RunRequest& request;
    const ChipSpec& chip;
    const std::vector<MemoryFacts>& memories;
    const Compiled& compiled;
    std::string precision;
    std::int64_t context = 0;                ///< tokens; 0 where it means nothing
    std::string workload_hash;               ///< of its resolved configuration
    const std::vector<LightenPass>& passes;  ///< that made the network lighter
    std::int64_t samples = 1;                ///< of all inferences of the run
    std::vector<Time> answered;  ///< when the parts of the batch had their answers, in any order
};

/// The record of one simulated step. Prices the counts and checks that energies sum to the total.
[[nodiscard]] Result make_record(const RecordContext& context, const RunFigures& figures);

/// `weight` times `n`, rounded.
[[nodiscard]] std::int64_t weighted(double weight, std::int64_t n);

/// Adds `weight` runs like `more`, on the same chip, that come after those of `sum`: times,
/// energies and counts. Layers, percentiles and rates are the caller's.
void add_result(Result& sum, const Result& more, double weight);

/// What one sample counts for in rates: a prompt as many as its tokens, all others one.
[[nodiscard]] std::int64_t items_each(const Result& result);

/// The rates that follow from latency and energy: power, throughput, perf/W.
/// `items` inferences, tokens made or, in a prefill, tokens read were the run's.
void set_rates(Result& result, double items);

}  // namespace perfwatt
