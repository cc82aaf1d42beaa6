#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>

#include "models/dram/dram_schema.h"
#include "models/sram/sram_schema.h"
#include "sim/arch/chip_loader.h"
#include "sim/arch/energy_loader.h"
#include "sim/base/diagnostics.h"
#include "sim/cli/output.h"
#include "sim/cli/verbs.h"
#include "sim/config/json_schema.h"
#include "sim/graph/operators.h"
#include "sim/graph/workload.h"
#include "sim/graph/workload_schema.h"
#include "sim/report/numbers.h"
#include "sim/report/text_table.h"
#include "sim/sweep/baseline.h"
#include "sim/sweep/sweep_spec.h"

namespace perfwatt {
namespace {

std::string chip_text(const LoadedChip& chip) {
    const ChipSpec& spec = chip.spec;
    std::string text =
        fmt::format("{}{}\n{}\n", spec.name, spec.estimated.empty() ? "" : " ~", spec.description);
    text += fmt::format("\nfile            {}\nfamily          {}\nprocess         {} nm\n",
                        chip.file, spec.family, spec.process_nm);
    text += fmt::format("trust           {}\npower boundary  {}\nconfig hash     {}\n",
                        to_string(spec.trust), to_string(spec.power_boundary), spec.config_hash);
    if (!chip.published.empty()) {
        TextTable facts({{"published", Align::left}, {"", Align::left}, {"source", Align::left}});
        for (const PublishedFact& fact : chip.published) {
            facts.add({fact.name, fact.value, fact.source});
        }
        text += "\n" + facts.text();
    }
    const auto list = [&text](const char* title, const std::vector<std::string>& paths) {
        if (paths.empty()) return;
        text += fmt::format("\n{}\n", title);
        for (const std::string& path : paths) text += fmt::format("  {}\n", path);
    };
    list("estimated: nobody published these", chip.estimated);
    list("fitted to measurements", chip.fitted);
    return text;
}

std::string show_chip(const std::string& name, const Arguments& arguments,
                      const Environment& environment) {
    const LoadedChip chip = load_chip(name, arguments.texts("set"), environment.families,
                                      environment.configs, environment.memories);
    return arguments.has("resolved") ? resolved_text(chip.resolved) : chip_text(chip);
}

std::string dram_text(const dram::LoadedSpec& loaded) {
    const dram::DramSpec& spec = loaded.spec;
    std::string text = fmt::format("{}{}\n{}\n\n", spec.name, spec.estimated.empty() ? "" : " ~",
                                   spec.description);
    text +=
        fmt::format("standard        {}\nconfig hash     {}\n", spec.standard, loaded.config_hash);
    text += fmt::format("channel         {}, {} bits wide, {}\n",
                        bytes_text(static_cast<double>(spec.organization.capacity_bytes())),
                        spec.organization.width_bits * spec.organization.pseudo_channels,
                        bandwidth_text(static_cast<double>(spec.peak_bytes_per_second())));
    text += fmt::format("burst, row      {} B, {} B\n", spec.organization.burst_bytes(),
                        spec.organization.row_bytes());
    text += fmt::format("banks           {}\n", spec.organization.total_banks());
    return text;
}

std::string sram_text(const std::string& name, const sram::LoadedMemory& loaded) {
    const sram::SramMemorySpec& spec = loaded.spec;
    const auto peak = static_cast<double>(spec.bytes_per_cycle * spec.banks * spec.clock.hertz());
    return fmt::format(
        "{}{}\n\nstandard        SRAM\nconfig hash     {}\n"
        "capacity        {}\nbandwidth       {}\nbanks           {}\n",
        name, loaded.estimated.empty() ? "" : " ~", loaded.config_hash,
        bytes_text(static_cast<double>(spec.capacity_bytes)), bandwidth_text(peak), spec.banks);
}

std::string show_memory(const std::string& name, const Arguments& arguments,
                        const Environment& environment) {
    const ConfigPath& configs = environment.configs;
    const std::vector<std::string> overrides = arguments.texts("set");
    const std::string file = configs.find(ConfigKind::memory, name);
    if (sram::is_sram(Document::load(ConfigKind::memory, file, configs))) {
        const sram::LoadedMemory loaded = sram::load_memory(configs, file, overrides);
        return arguments.has("resolved") ? resolved_text(loaded.resolved) : sram_text(name, loaded);
    }
    const dram::LoadedSpec loaded = dram::load_spec(configs, file, overrides);
    return arguments.has("resolved") ? resolved_text(loaded.resolved) : dram_text(loaded);
}

/// What stands on the chip has other keys than what stands beside it.
nlohmann::ordered_json memory_json_schema() {
    nlohmann::ordered_json on_chip;
    on_chip["properties"]["standard"]["const"] = "SRAM";
    on_chip["required"] = {"standard"};
    nlohmann::ordered_json schema;
    schema["$schema"] = "http://json-schema.org/draft-07/schema#";
    schema["title"] = schema_line(ConfigKind::memory);
    schema["if"] = std::move(on_chip);
    schema["then"] = json_schema(ConfigKind::memory, sram::memory_schema());
    schema["else"] = json_schema(ConfigKind::memory, dram::memory_schema());
    return schema;
}

std::string show_workload(const std::string& name, const Arguments& arguments,
                          const Environment& environment) {
    const Workload workload =
        load_workload({.workload = name, .overrides = arguments.texts("set")}, environment.configs);
    if (arguments.has("resolved")) return resolved_text(workload.resolved);
    const Graph& graph = workload.graph;
    std::string text = fmt::format("{}\n\nfile            {}\n", graph.name, graph.file);
    if (workload.context > 0) text += fmt::format("tokens          {}\n", workload.context);
    text += fmt::format("operators       {}\nMACs            {}\nparameters      {}\n",
                        graph.nodes.size(), macs(graph), parameters(graph));
    if (!workload.source.empty()) text += fmt::format("source          {}\n", workload.source);
    std::map<std::string, std::pair<std::int64_t, std::int64_t>> by_type;
    for (const Node& node : graph.nodes) {
        auto& [count, work] = by_type[node.type];
        ++count;
        work += macs(graph, node);
    }
    TextTable table({{"operator", Align::left},
                     {"kind of work", Align::left},
                     {"count", Align::right},
                     {"MACs", Align::right}});
    for (const auto& [type, numbers] : by_type) {
        const OperatorRow* row = find_operator(type);
        table.add({type, row == nullptr ? "?" : std::string(to_string(row->kind)),
                   fmt::format("{}", numbers.first), fmt::format("{}", numbers.second)});
    }
    return text + "\n" + table.text();
}

std::string show_schema(const std::string& name, const Environment& environment) {
    if (name == "chip") return chip_json_schema(environment.families).dump(2) + "\n";
    if (name == "system") return system_json_schema().dump(2) + "\n";
    if (name == "memory") return memory_json_schema().dump(2) + "\n";
    if (name == "workload") {
        return json_schema(ConfigKind::workload, workload_schema().rule()).dump(2) + "\n";
    }
    if (name == "energy") return energy_json_schema().dump(2) + "\n";
    if (name == "sweep") return sweep_json_schema().dump(2) + "\n";
    if (name == "baseline") return baseline_json_schema().dump(2) + "\n";
    const std::vector<std::string> names{"chip",     "system", "memory",
                                         "workload", "sweep",  "baseline"};
    throw UserError(fmt::format("there is no schema '{}'", name),
                    fmt::format("schemas: {}", fmt::join(names, ", ")));
}

int execute(const Arguments& arguments, const Environment& environment) {
    const std::string& kind = arguments.positionals()[0];
    const std::string& name = arguments.positionals()[1];
    if (kind == "chip" || kind == "system") {
        write_output({}, show_chip(name, arguments, environment));
    } else if (kind == "memory") {
        write_output({}, show_memory(name, arguments, environment));
    } else if (kind == "workload") {
        write_output({}, show_workload(name, arguments, environment));
    } else if (kind == "schema") {
        write_output({}, show_schema(name, environment));
    } else {
        const std::vector<std::string> kinds{"chip", "system", "memory", "workload", "schema"};
        const std::string near = did_you_mean(kind, kinds);
        throw UserError(fmt::format("cannot show a '{}'", kind),
                        near.empty() ? fmt::format("{}", fmt::join(kinds, ", ")) : near);
    }
    return kExitDone;
}

}  // namespace

Verb show_verb() {
    using enum OptionKind;
    return {
        {.name = "show",
         .summary = "A chip, memory, workload or schema; --resolved: every value and its origin.",
         .positional = "chip|system|memory|workload|schema NAME",
         .min_positionals = 2,
         .max_positionals = 2,
         .options = {{"resolved", flag, "", "every value with where it came from"},
                     {"set", many, "PATH=VALUE", "change a key first"}}},
        execute};
}

}  // namespace perfwatt
