#include "sim/run/run.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/run/generation.h"
#include "sim/run/power_cap.h"
#include "sim/run/scenario.h"
#include "sim/run/step.h"
#include "sim/run/tenancy.h"

namespace perfwatt {
namespace {

constexpr std::string_view kSingleStream = "single_stream";
constexpr std::string_view kOffline = "offline";

/// One of a few words, or an error that lists them.
void check_word(std::string_view what, const std::string& word,
                const std::vector<std::string>& words) {
    if (std::find(words.begin(), words.end(), word) != words.end()) return;
    const std::string near = did_you_mean(word, words);
    throw UserError(fmt::format("{} '{}' is not known", what, word),
                    near.empty() ? fmt::format("one of: {}", fmt::join(words, ", ")) : near);
}

void check_count(std::string_view option, std::int64_t value, std::int64_t min, std::int64_t max) {
    if (value < min || value > max)
        throw UserError(fmt::format("{} {} is out of range", option, value),
                        fmt::format("{} to {}", min, max));
}

void check_words(const RunRequest& request) {
    check_word("phase", request.phase, {"forward", "prefill", "decode", "generate"});
    check_word("scenario", request.scenario, {"single_stream", "multi_stream", "offline"});
    check_count("--requests", request.requests, 1, 1 << 16);
    check_word("start", request.start, {"cold", "steady"});
    check_word("--place", request.place, {"auto", "host", "pim"});
    check_word("memory timing", request.memory_timing, {"auto", "exact", "stream"});
    check_count("--batch", request.batch, 1, 1 << 20);
    check_count("--context", request.context, 0, std::int64_t{1} << 32);
    check_count("--tokens", request.tokens, 0, std::int64_t{1} << 32);
    check_count("--mapping-effort", request.mapping_effort, 1, 100'000'000);
    for (const std::string& pass : request.dump_after) check_word("pass", pass, pass_names());
    if (request.phase != kGenerate && request.tokens != 0)
        throw UserError("--tokens is for --phase generate",
                        "a decode step makes one token for each sequence of the batch");
    if (request.phase == kGenerate && request.scenario != kSingleStream)
        throw UserError(fmt::format("scenario '{}' is not for --phase generate", request.scenario),
                        "take --phase prefill or --phase decode --context N");
    if (request.phase == kGenerate && request.tokens == 0)
        throw UserError("--phase generate needs --tokens", "for example --tokens 128");
}

std::variant<RunOutput, Infeasible> run_prepared(const RunRequest& request, PreparedStep step,
                                                 const Environment& environment) {
    if (!request.beside.empty()) return run_tenants(request, environment);
    if (request.phase == kGenerate)
        return run_generation(request, step.workload.context, environment);
    if (request.scenario == kOffline) return run_offline(request, std::move(step), environment);
    return run_step(request, std::move(step), environment);
}

std::variant<RunOutput, Infeasible> run_at_one_point(const RunRequest& request,
                                                     const Environment& environment) {
    return run_prepared(request, prepare_step(request, environment), environment);
}

}  // namespace

void validate(const RunRequest& request, const Environment& environment) {
    check_words(request);
    (void)prepare_step(request, environment);
}

std::variant<RunOutput, Infeasible> run(const RunRequest& request, const Environment& environment) {
    check_words(request);
    PreparedStep step = prepare_step(request, environment);
    const ChipSpec& chip = step.chip.spec;
    RunRequest asked = request;
    if (asked.memory_timing == "auto") asked.memory_timing = chip.memory_timing;
    if (is_capped(chip)) return run_within_cap(asked, chip, run_at_one_point, environment);
    return run_prepared(asked, std::move(step), environment);
}

}  // namespace perfwatt
