#include <fmt/format.h>

#include <cmath>

#include "sim/base/diagnostics.h"
#include "sim/cli/output.h"
#include "sim/cli/request_options.h"
#include "sim/cli/verbs.h"
#include "sim/config/quantity.h"
#include "sim/sweep/sweep.h"

namespace perfwatt {
namespace {

/// "2/8": the second of eight.
void read_shard(const Arguments& arguments, SweepOptions& options) {
    const std::string text = arguments.text("shard", "1/1");
    const std::size_t slash = text.find('/');
    if (slash == std::string::npos) {
        throw UserError(fmt::format("--shard '{}' is not of the form I/N", text),
                        "--shard 2/8 is the second of eight");
    }
    options.shards =
        static_cast<int>(parse_integer(text.substr(slash + 1), "--shard: N of", 1, 100'000));
    options.shard =
        static_cast<int>(parse_integer(text.substr(0, slash), "--shard: I of", 1, options.shards));
}

std::int64_t bytes_from(const Arguments& arguments, std::string_view option) {
    const std::optional<std::string> text = arguments.text(option);
    if (!text) return 0;
    const auto parsed = parse_quantity(Dimension::bytes, *text);
    if (const auto* error = std::get_if<QuantityError>(&parsed)) {
        throw UserError(fmt::format("--{} '{}': {}", option, *text, error->message), error->hint);
    }
    return std::get<Quantity>(parsed).integer;
}

SweepOptions options_from(const Arguments& arguments, const SweepSpec& sweep) {
    SweepOptions options{.store = arguments.text("store", sweep.name + ".db")};
    options.limits.jobs = jobs_from(arguments);
    options.limits.timeout_ms = 1000 * arguments.integer("point-timeout", 0, 1, 10'000'000);
    options.limits.memory_bytes = bytes_from(arguments, "point-memory");
    read_shard(arguments, options);
    return options;
}

std::string left_text(double seconds) {
    const auto whole = static_cast<std::int64_t>(std::ceil(seconds));
    if (whole >= 3600) return fmt::format("{} h {:02} min", whole / 3600, whole / 60 % 60);
    if (whole >= 60) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
    return fmt::format("{} s", whole);
}

std::string counts_text(const SweepProgress& progress) {
    return fmt::format("{} ok, {} infeasible, {} failed, {} already there", progress.ok,
                       progress.infeasible, progress.failed, progress.already);
}

void watch(const SweepProgress& progress, const std::string& message) {
    if (!message.empty()) {
        show_progress("");
        say(message);
    }
    show_progress(fmt::format("{}/{} points ({}), {} left", progress.done(), progress.total,
                              counts_text(progress), left_text(progress.seconds_left)));
}

int execute(const Arguments& arguments, const Environment& environment) {
    const SweepSpec sweep = read_sweep(arguments.positionals().front(), environment.configs);
    const std::vector<SweepPoint> points = expand(sweep);
    const SweepOptions options = options_from(arguments, sweep);
    validate(points, environment);
    if (arguments.has("dry-run")) {
        write_output({}, fmt::format("{} points, all valid\n", points.size()));
        return kExitDone;
    }
    check_writable(options.store);
    const SweepProgress progress = run_sweep(sweep, points, options, environment, watch);
    show_progress("");
    say(fmt::format("{}: {} points: {}", options.store, progress.total, counts_text(progress)));
    return progress.failed > 0 ? kExitCheckFailed : kExitDone;
}

}  // namespace

Verb sweep_verb() {
    using enum OptionKind;
    return {{.name = "sweep",
             .summary = "Simulate every point of a grid into a store; resumes where it stopped.",
             .positional = "SWEEP.yaml",
             .min_positionals = 1,
             .max_positionals = 1,
             .options = {{"store", once, "FILE", "where the answers are kept (SWEEP.db)"},
                         jobs_option(),
                         {"shard", once, "I/N", "only every Nth point, from the Ith (1/1)"},
                         {"dry-run", flag, "", "check every point and count them, run nothing"},
                         {"point-timeout", once, "S", "seconds a point may take (no limit)"},
                         {"point-memory", once, "B",
                          "memory a point may take, e.g. '2 GiB' (no limit)"}}},
            execute};
}

}  // namespace perfwatt
