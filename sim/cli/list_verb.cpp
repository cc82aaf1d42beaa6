#include <fmt/format.h>

#include "sim/base/diagnostics.h"
#include "sim/cli/output.h"
#include "sim/cli/verbs.h"
#include "sim/config/config_path.h"
#include "sim/graph/operators.h"
#include "sim/graph/workload.h"
#include "sim/report/numbers.h"
#include "sim/report/text_table.h"

namespace perfwatt {
namespace {

std::string operators_text() {
    TextTable table({{"operator", Align::left}, {"kind of work", Align::left}});
    for (const OperatorRow& row : operators()) {
        table.add({std::string(row.name), std::string(to_string(row.kind))});
    }
    return table.text();
}

/// Name, multiply-accumulates and parameters of each network as its file stands: batch 1, forward.
std::string workloads_text(const ConfigPath& configs) {
    TextTable table({{"workload", Align::left},
                     {"MACs", Align::right},
                     {"parameters", Align::right},
                     {"phases", Align::left}});
    for (const std::string& name : workload_names(configs)) {
        const Workload workload =
            load_workload({.workload = name, .batch = 1, .overrides = {}}, configs);
        table.add({name, count_text(static_cast<double>(macs(workload.graph))),
                   count_text(static_cast<double>(parameters(workload.graph))),
                   workload.decoder ? "forward, prefill, decode, generate" : "forward"});
    }
    return table.text();
}

int execute(const Arguments& arguments, const Environment& environment) {
    const std::string& what = arguments.positionals().front();
    if (what == "operators") {
        write_output({}, operators_text());
        return kExitDone;
    }
    if (what == "workloads") {
        write_output({}, workloads_text(environment.configs));
        return kExitDone;
    }
    const std::vector<std::pair<std::string, ConfigKind>> kinds = {
        {"chips", ConfigKind::chip},
        {"systems", ConfigKind::system},
        {"memories", ConfigKind::memory}};
    std::vector<std::string> words{"operators", "workloads"};
    for (const auto& [word, kind] : kinds) {
        words.push_back(word);
        if (word != what) continue;
        std::string text;
        for (const std::string& name : environment.configs.names(kind)) text += name + "\n";
        write_output({}, text);
        return kExitDone;
    }
    const std::string near = did_you_mean(what, words);
    throw UserError(fmt::format("there is no list of '{}'", what),
                    near.empty() ? "chips, systems, memories, workloads or operators" : near);
}

}  // namespace

Verb list_verb() {
    return {
        {.name = "list",
         .summary = "Names of chips, systems, memories, workloads (with their sizes) or operators.",
         .positional = "chips|systems|memories|workloads|operators",
         .min_positionals = 1,
         .max_positionals = 1},
        execute};
}

}  // namespace perfwatt
