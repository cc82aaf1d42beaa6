#pragma once

#include <variant>
#include <vector>

#include "sim/run/run.h"

namespace perfwatt {

/// A decode step that is simulated, and for how many steps it stands.
struct SampledStep {
    std::int64_t context = 0;
    double weight = 0;
};

/// Steps at which a generation of `tokens` tokens after a prompt of `prompt` tokens is simulated.
/// The first token comes from the prefill; the others are decode steps at contexts prompt,
/// prompt + 1, ... Between the samples figures are taken to grow linearly (hat functions), which
/// counts of work do exactly. All steps are samples where there are at most `samples` of them.
/// Weights sum to tokens - 1.
[[nodiscard]] std::vector<SampledStep> sample_steps(std::int64_t prompt, std::int64_t tokens,
                                                    int samples);

/// One record of a whole generation: the prefill and the weighted steps.
[[nodiscard]] Result combine_generation(const RunRequest& request, const Result& prefill,
                                        const std::vector<Result>& steps,
                                        const std::vector<SampledStep>& samples);

/// Simulates the prefill and the sampled steps in worker processes and combines them.
/// `prompt` is in tokens.
[[nodiscard]] std::variant<RunOutput, Infeasible> run_generation(const RunRequest& request,
                                                                 std::int64_t prompt,
                                                                 const Environment& environment);

}  // namespace perfwatt
