#include "sim/run/generation.h"

#include <algorithm>

#include "sim/graph/transformer.h"
#include "sim/run/part_runs.h"
#include "sim/run/record.h"
#include "sim/run/step.h"

namespace perfwatt {
namespace {

/// Decode steps simulated for one generation, the shortest and the longest context among them.
constexpr int kSampledSteps = 5;

/// The rows of a step, summed over all steps: where every step has the same operators. They follow
/// one another as in one step as long as all together, so that each lasts as long as its steps'.
void add_layers(std::vector<LayerResult>& rows, const std::vector<LayerResult>& step,
                double weight) {
    PERFWATT_CHECK(rows.size() == step.size(), "decode steps differ in their operators");
    for (std::size_t i = 0; i < rows.size(); ++i) {
        rows[i].start_ns += weight * step[i].start_ns;
        rows[i].end_ns += weight * step[i].end_ns;
        rows[i].macs += weighted(weight, step[i].macs);
        rows[i].read_bytes += weighted(weight, step[i].read_bytes);
        rows[i].write_bytes += weighted(weight, step[i].write_bytes);
        rows[i].energy_pj += weight * step[i].energy_pj;
    }
}

RunRequest part_at(const RunRequest& request, const char* phase, std::int64_t context) {
    RunRequest part = part_of(request);
    part.phase = phase;
    part.context = context;
    part.tokens = 0;
    return part;
}

}  // namespace

std::vector<SampledStep> sample_steps(std::int64_t prompt, std::int64_t tokens, int samples) {
    const std::int64_t steps = tokens - 1;
    if (steps <= 0) return {};
    const auto count = static_cast<int>(std::min<std::int64_t>(steps, samples));
    std::vector<SampledStep> sampled;
    for (int i = 0; i < count; ++i) {
        const std::int64_t offset = count == 1 ? 0 : i * (steps - 1) / (count - 1);
        sampled.push_back({.context = prompt + offset, .weight = 0});
    }
    std::size_t left = 0;
    for (std::int64_t step = 0; step < steps; ++step) {
        const std::int64_t context = prompt + step;
        while (left + 1 < sampled.size() && sampled[left + 1].context <= context) ++left;
        if (left + 1 == sampled.size() || sampled[left].context == context) {
            sampled[left].weight += 1;
            continue;
        }
        const auto gap = static_cast<double>(sampled[left + 1].context - sampled[left].context);
        const double right_share = static_cast<double>(context - sampled[left].context) / gap;
        sampled[left].weight += 1 - right_share;
        sampled[left + 1].weight += right_share;
    }
    return sampled;
}

Result combine_generation(const RunRequest& request, const Result& prefill,
                          const std::vector<Result>& steps,
                          const std::vector<SampledStep>& samples) {
    Result whole = prefill;
    whole.phase = request.phase;
    whole.ttft_ns = prefill.latency_ns;
    for (LayerResult& layer : whole.layers) layer.name = "prefill/" + layer.name;
    const double peak_ns = prefill.utilization * prefill.latency_ns;
    double ideal_ns = peak_ns;
    for (std::size_t i = 0; i < steps.size(); ++i) {
        add_result(whole, steps[i], samples[i].weight);
        ideal_ns += samples[i].weight * steps[i].utilization * steps[i].latency_ns;
    }
    if (!steps.empty()) {
        std::vector<LayerResult> rows = steps.front().layers;
        for (LayerResult& row : rows) {
            row.name = "decode/" + row.name;
            row.start_ns = row.end_ns = prefill.latency_ns;
            row.macs = row.read_bytes = row.write_bytes = 0;
            row.energy_pj = 0;
        }
        for (std::size_t i = 0; i < steps.size(); ++i)
            add_layers(rows, steps[i].layers, samples[i].weight);
        whole.layers.insert(whole.layers.end(), rows.begin(), rows.end());
    }
    whole.utilization = ideal_ns / whole.latency_ns;
    whole.latency_p50_ns = whole.latency_p99_ns = whole.latency_ns;
    set_rates(whole, static_cast<double>(request.tokens * request.batch));
    return whole;
}

std::variant<RunOutput, Infeasible> run_generation(const RunRequest& request, std::int64_t prompt,
                                                   const Environment& environment) {
    if (request.want_timeline || request.want_mapping || !request.dump_after.empty())
        throw UserError("a generation is many programs: no timeline, mapping or dump of it",
                        "take --phase prefill or --phase decode --context N");
    const std::vector<SampledStep> samples = sample_steps(prompt, request.tokens, kSampledSteps);

    std::vector<RunRequest> parts{part_at(request, "prefill", prompt)};
    for (const SampledStep& sample : samples)
        parts.push_back(part_at(request, "decode", sample.context));
    auto answers = run_parts(parts, run_step, "a step of the generation", environment);
    if (auto* infeasible = std::get_if<Infeasible>(&answers)) return std::move(*infeasible);
    auto& results = std::get<std::vector<Result>>(answers);
    const Result prefill = results.front();
    results.erase(results.begin());
    RunOutput output;
    output.result = combine_generation(request, prefill, results, samples);
    return output;
}

}  // namespace perfwatt
