#include "sim/cli/request_options.h"

#include <fmt/format.h>
#include <unistd.h>

#include "sim/base/diagnostics.h"
#include "sim/run/worker.h"

namespace perfwatt {
std::vector<OptionSpec> request_options(OptionKind chip_workload_batch) {
    using enum OptionKind;
    return {
        {"chip", chip_workload_batch, "CHIP", "chip or system: a name of 'list chips', or a file"},
        {"workload", chip_workload_batch, "NET", "network: a name, or a YAML, ONNX or CSV file"},
        {"beside", many, "NET", "one more network on the same chip at the same time"},
        {"sharing", once, "HOW",
         "with --beside: turns, cores, cores:3,1 (of each network), engines:A,B (turns)"},
        {"batch", chip_workload_batch, "N", "inferences computed together (1)"},
        {"precision", once, "TYPE", "number format (the chip's own), e.g. int8"},
        {"phase", once, "PHASE", "forward, prefill, decode or generate (forward)"},
        {"context", once, "N", "tokens already in the cache (the network's default)"},
        {"tokens", once, "N", "tokens to generate"},
        {"scenario", once, "S",
         "single_stream, multi_stream: requests together, offline: one after another "
         "(single_stream)"},
        {"requests", once, "N", "that arrive together in multi_stream (8)"},
        {"start", once, "START", "steady: what fits stays on the chip; cold (steady)"},
        {"lighten", many, "L",
         "make the network lighter: none, int4, w4a16, kv8, prune_channels_30, prune_2_4, "
         "sparse_90, compress_1.5, lowrank_r64, ...; in compare each is a row of its own"},
        {"place", once, "P",
         "auto: where it costs least; host: nothing in memory; pim: what can be in memory (auto)"},
        {"set", many, "PATH=VALUE", "change a key of the chip, or workload.KEY of the network"},
        {"memory-timing", once, "T", "exact or stream; auto: as the chip's file says (auto)"},
        {"mapping", once, "FILE", "use the mappings of this file instead of searching"},
        {"mapping-effort", once, "N", "mappings evaluated per kernel at most (1000)"},
        {"fold-layers", once, "ON", "on: simulate identical blocks once; off (on)"},
        {"strict", flag, "", "refuse networks of which a part falls to the host"},
    };
}

RunRequest request_from(const Arguments& arguments, const std::string& chip,
                        const std::string& workload, std::int64_t batch) {
    RunRequest request;
    request.chip = chip;
    request.workload = workload;
    request.batch = batch;
    request.beside = arguments.texts("beside");
    request.sharing = arguments.text("sharing").value_or(request.sharing);
    if (arguments.has("sharing") && request.beside.empty())
        throw UserError("--sharing is for networks that have the chip together",
                        "name the others with --beside");
    request.precision = arguments.text("precision");
    request.lighten = arguments.texts("lighten");
    request.phase = arguments.choice("phase", {"forward", "prefill", "decode", "generate"});
    request.context = arguments.integer("context", 0, 0, 100'000'000);
    request.tokens = arguments.integer("tokens", 0, 1, 1'000'000);
    request.scenario = arguments.choice("scenario", {"single_stream", "multi_stream", "offline"});
    request.requests = static_cast<int>(arguments.integer("requests", request.requests, 1, 65'536));
    if (arguments.has("requests") && request.scenario != "multi_stream")
        throw UserError("--requests is for --scenario multi_stream");
    request.start = arguments.choice("start", {"steady", "cold"});
    request.place = arguments.choice("place", {"auto", "host", "pim"});
    request.memory_timing = arguments.choice("memory-timing", {"auto", "exact", "stream"});
    request.overrides = arguments.texts("set");
    request.mapping_file = arguments.text("mapping");
    request.mapping_effort =
        static_cast<int>(arguments.integer("mapping-effort", 1000, 1, 10'000'000));
    request.fold_layers = arguments.choice("fold-layers", {"on", "off"}) == "on";
    request.strict = arguments.has("strict");
    return request;
}

RunRequest single_request(const Arguments& arguments) {
    const std::string chip = arguments.required("chip");
    const std::string workload = arguments.required("workload");
    return request_from(arguments, chip, workload, arguments.integer("batch", 1, 1, kMostBatch));
}

OptionSpec format_option() {
    return {"format", OptionKind::once, "F", "table, json, csv or md (table)"};
}

ReportStyle style_from(const Arguments& arguments) {
    const std::string name = arguments.choice("format", {"table", "json", "csv", "md"});
    ReportStyle style{.format = report_format_from(name).value()};
    style.bold_headers = !arguments.has("out") && ::isatty(STDOUT_FILENO) != 0;
    return style;
}

OptionSpec jobs_option() {
    return {"jobs", OptionKind::once, "N", "simulations at once (one a processor)"};
}

int jobs_from(const Arguments& arguments) {
    return static_cast<int>(arguments.integer("jobs", available_processors(), 1, 4096));
}

}  // namespace perfwatt
