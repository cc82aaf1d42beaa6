#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <memory>

#include "models/dram/dram_schema.h"
#include "models/dram/trace_replay.h"
#include "models/dram/trace_writer.h"
#include "models/sram/sram_schema.h"
#include "sim/base/diagnostics.h"
#include "sim/cli/output.h"
#include "sim/cli/request_options.h"
#include "sim/cli/verbs.h"
#include "sim/report/json_writer.h"
#include "sim/report/numbers.h"
#include "sim/report/text_table.h"

namespace perfwatt {
namespace {

/// Commands as CSV, as they are issued; fields a command does not address stay empty.
class CommandFile final : public dram::CommandLog {
  public:
    CommandFile(const std::string& path, Clock tick_clock) : file_(path), clock_(tick_clock) {
        file_.append(
            "time_ps,tick,command,channel,pseudo_channel,rank,bank_group,bank,row,column\r\n");
    }
    void write(const dram::LoggedCommand& command) override {
        line_.clear();
        const std::int64_t time_ps = (clock_.cycles(command.tick).fs + 500) / 1000;
        fmt::format_to(std::back_inserter(line_), "{},{},{},{}", time_ps, command.tick,
                       command.name, command.channel);
        for (const std::int64_t field :
             {std::int64_t{command.pseudo_channel}, std::int64_t{command.rank},
              std::int64_t{command.bank_group}, std::int64_t{command.bank}, command.row,
              command.column}) {
            line_ += ',';
            if (field >= 0) fmt::format_to(std::back_inserter(line_), "{}", field);
        }
        line_ += "\r\n";
        file_.append(line_);
    }
    void commit() { file_.commit(); }

  private:
    OutputFile file_;
    Clock clock_;  ///< of ticks, which may be half clocks
    std::string line_;
};

/// The figures by the names of the record, as text for every form.
std::vector<std::pair<std::string, std::string>> figures_of(const dram::ReplayResult& result) {
    return {{"cycles", fmt::format("{}", result.cycles)},
            {"time_ns", exact_text(result.time_ns)},
            {"bandwidth_bytes_per_s", exact_text(result.bandwidth_bytes_per_s)},
            {"bandwidth_fraction", exact_text(result.bandwidth_fraction)},
            {"mean_read_latency_ns", exact_text(result.mean_read_latency_ns)},
            {"row_hit_rate", exact_text(result.row_hit_rate)},
            {"energy_pj", exact_text(result.energy_pj)}};
}

std::vector<std::pair<std::string, double>> energies_of(const dram::ReplayResult& result) {
    std::vector<std::pair<std::string, double>> energies;
    for (int i = 0; i < dram::kEnergyCategories; ++i) {
        energies.emplace_back(dram::to_string(static_cast<dram::EnergyCategory>(i)),
                              result.energy_breakdown_pj[static_cast<std::size_t>(i)]);
    }
    return energies;
}

std::string json_text(const dram::ReplayResult& result) {
    JsonWriter json;
    json.begin_object();
    for (const auto& [name, value] : figures_of(result)) {
        if (name == "energy_pj") {
            json.key("commands");
            json.begin_object(JsonWriter::Layout::inline_);
            for (const auto& [command, count] : result.commands) json.member(command, count);
            json.end_object();
        }
        json.key(name);
        json.raw(value);
    }
    json.key("energy_breakdown_pj");
    json.begin_object(JsonWriter::Layout::inline_);
    for (const auto& [name, energy] : energies_of(result)) json.member(name, energy);
    json.end_object();
    json.end_object();
    return json.take();
}

TextTable table_of(const dram::ReplayResult& result) {
    TextTable table({{"figure", Align::left}, {"value", Align::right}});
    for (const auto& [name, value] : figures_of(result)) table.add({name, value});
    for (const auto& [command, count] : result.commands) {
        table.add({"commands." + command, fmt::format("{}", count)});
    }
    for (const auto& [name, energy] : energies_of(result)) {
        table.add({"energy_breakdown_pj." + name, exact_text(energy)});
    }
    return table;
}

std::string rendered(const dram::ReplayResult& result, const ReportStyle& style) {
    switch (style.format) {
        case ReportFormat::table:
            return table_of(result).text(style.bold_headers);
        case ReportFormat::json:
            return json_text(result);
        case ReportFormat::csv:
            return table_of(result).csv();
        case ReportFormat::md:
            return table_of(result).markdown();
    }
    return {};
}

dram::LoadedSpec spec_from(const Arguments& arguments, const Environment& environment) {
    std::vector<std::string> overrides = arguments.texts("set");
    if (const auto mapping = arguments.text("address-mapping")) {
        overrides.push_back("address_mapping=" + *mapping);
    }
    const std::string name = arguments.required("memory");
    const std::string file = environment.configs.find(ConfigKind::memory, name);
    if (sram::is_sram(Document::load(ConfigKind::memory, file, environment.configs))) {
        throw UserError(fmt::format("memory '{}' is an SRAM: it has no commands to replay", name),
                        "name a DRAM; 'perfwatt show memory' tells which a memory is");
    }
    return dram::load_spec(environment.configs, file, overrides);
}

bool same_file(const std::string& a, const std::string& b) {
    std::error_code ignored;
    return std::filesystem::weakly_canonical(a, ignored) ==
           std::filesystem::weakly_canonical(b, ignored);
}

/// Options that write the trace again as others read it.
constexpr std::pair<const char*, dram::TraceForm> kTraceForms[] = {
    {"ramulator-trace", dram::TraceForm::ramulator}, {"dramsys-trace", dram::TraceForm::dramsys}};

/// What an answer would destroy, or another answer.
void refuse_clashes(const Arguments& arguments) {
    const std::pair<const char*, const char*> pairs[] = {
        {"commands", "trace"},         {"out", "trace"},
        {"out", "commands"},           {"ramulator-trace", "trace"},
        {"dramsys-trace", "trace"},    {"ramulator-trace", "commands"},
        {"dramsys-trace", "commands"}, {"ramulator-trace", "out"},
        {"dramsys-trace", "out"},      {"ramulator-trace", "dramsys-trace"}};
    for (const auto& [written, other] : pairs) {
        const auto path = arguments.text(written);
        const auto taken = arguments.text(other);
        if (!path || !taken || !same_file(*path, *taken)) continue;
        throw UserError(fmt::format("--{} and --{} are the same file '{}'", written, other, *path));
    }
}

std::ifstream open_trace(const std::string& path) {
    std::error_code ignored;
    if (!std::filesystem::exists(path, ignored)) {
        throw UserError(fmt::format("there is no trace '{}'", path));
    }
    std::ifstream trace(path, std::ios::binary);
    if (!trace || std::filesystem::is_directory(path, ignored)) {
        throw UserError(fmt::format("the trace '{}' cannot be read", path));
    }
    return trace;
}

int execute(const Arguments& arguments, const Environment& environment) {
    const ReportStyle style = style_from(arguments);
    const std::optional<std::string> out = arguments.text("out");
    if (out) check_writable(*out);
    refuse_clashes(arguments);
    const dram::LoadedSpec loaded = spec_from(arguments, environment);
    const std::string path = arguments.required("trace");
    std::ifstream trace = open_trace(path);
    dram::ReplayOptions options;
    options.window = static_cast<int>(arguments.integer("window", options.window, 1, 1'000'000));
    for (const Diagnostic& warning : loaded.warnings) say(to_string(warning));

    std::unique_ptr<CommandFile> commands;
    if (const auto file = arguments.text("commands")) {
        commands = std::make_unique<CommandFile>(*file, loaded.spec.tick_clock());
    }
    options.log = commands.get();
    std::vector<std::pair<dram::TraceForm, std::unique_ptr<OutputFile>>> copies;
    for (const auto& [option, form] : kTraceForms)
        if (const auto file = arguments.text(option))
            copies.emplace_back(form, std::make_unique<OutputFile>(*file));
    dram::TraceReader reader(trace, path, loaded.spec.organization.capacity_bytes());
    const auto next = [&](dram::TraceRequest& request) {
        if (!reader.next(request)) return false;
        for (const auto& [form, file] : copies) file->append(dram::trace_line(form, request));
        return true;
    };
    const dram::ReplayResult result = dram::replay(loaded.spec, next, options);
    if (commands) commands->commit();
    for (const auto& [form, file] : copies) file->commit();
    write_output(out, rendered(result, style));
    return kExitDone;
}

}  // namespace

Verb memory_verb() {
    using enum OptionKind;
    return {
        {.name = "memory",
         .summary = "Replay a trace on one channel of a memory: time, bandwidth, energy.",
         .options = {{"memory", once, "M", "a name of 'list memories', or a file"},
                     {"trace", once, "FILE", "lines 'cycle,address,R' or 'cycle,address,W'"},
                     {"window", once, "N", "reads under way at most (32)"},
                     {"commands", once, "FILE",
                      "write every command as CSV, until the last write has gone out"},
                     {"ramulator-trace", once, "FILE", "write the trace as Ramulator 2 reads it"},
                     {"dramsys-trace", once, "FILE", "write the trace as DRAMSys reads it"},
                     {"address-mapping", once, "FIELDS",
                      "\"row|bank|column|bank_group|pseudo_channel\", highest bits first"},
                     {"set", many, "PATH=VALUE", "change a key of the memory"},
                     format_option(),
                     {"out", once, "FILE", "where the answer goes (stdout)"}}},
        execute};
}

}  // namespace perfwatt
