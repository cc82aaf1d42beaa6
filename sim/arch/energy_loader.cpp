#include "sim/arch/energy_loader.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "sim/config/document.h"
#include "sim/config/json_schema.h"
#include "sim/config/schema.h"

namespace perfwatt {
namespace {

struct NodeFile {
    double node_nm = 0;
    double a = 0, b = 0, c = 0;
    double voltage = 0;
};

struct FigureFile {
    double node_nm = 0;
    double voltage = 0;
    Sourced<double> energy;
};

struct QuantityFile {
    std::string meaning;
    std::vector<FigureFile> figures;
};

struct SupplyFile {
    std::string cell;
    double node_nm = 0;
    double voltage = 0;
};

struct SramFile {
    std::string table;
    std::vector<SupplyFile> supplies;
};

struct EnergyFile {
    std::string description;
    std::vector<NodeFile> nodes;
    std::vector<std::pair<std::string, QuantityFile>> quantities;
    SramFile sram;
};

MapSchema<NodeFile> node_schema() {
    return MapSchema<NodeFile>("node")
        .length("node", &NodeFile::node_nm, {.min = "1 nm", .max = "500 nm"}, "of the process")
        .ratio("a", &NodeFile::a, {.min = -100, .max = 100},
               "energy of a gate, relative: a V^2 + b V + c")
        .ratio("b", &NodeFile::b, {.min = -100, .max = 100}, "see a")
        .ratio("c", &NodeFile::c, {.min = -100, .max = 100}, "see a")
        .voltage("nominal_voltage", &NodeFile::voltage, {}, "the usual supply")
        .check([](const NodeFile& n, const MapCheck& check) {
            if (n.a * n.voltage * n.voltage + n.b * n.voltage + n.c <= 0)
                check.error("a", "the energy at the nominal voltage is not above zero");
        });
}

MapSchema<FigureFile> figure_schema() {
    return MapSchema<FigureFile>("figure")
        .length("node", &FigureFile::node_nm, {.min = "1 nm", .max = "500 nm"}, "of the process")
        .voltage("voltage", &FigureFile::voltage, {}, "at which the energy holds")
        .energy("energy", &FigureFile::energy, {}, "of one action");
}

MapSchema<QuantityFile> quantity_schema() {
    return MapSchema<QuantityFile>("action")
        .prose("meaning", &QuantityFile::meaning, "what one action is")
        .maps("figures", &QuantityFile::figures, figure_schema(), {.min = 1},
              "published energies, at one node or several");
}

MapSchema<SupplyFile> supply_schema() {
    return MapSchema<SupplyFile>("supply")
        .text("cell", &SupplyFile::cell, {}, "transistors of the array: hp, lop or lstp")
        .length("node", &SupplyFile::node_nm, {.min = "1 nm", .max = "500 nm"}, "of the process")
        .voltage("voltage", &SupplyFile::voltage, {}, "that the table's runs assume");
}

MapSchema<SramFile> sram_schema() {
    return MapSchema<SramFile>("sram")
        .text("table", &SramFile::table, {}, "a CSV of CACTI runs beside this file")
        .maps("supplies", &SramFile::supplies, supply_schema(), {.min = 1},
              "supply voltages of the runs");
}

MapSchema<EnergyFile> energy_schema() {
    return MapSchema<EnergyFile>("energy")
        .prose("description", &EnergyFile::description, "what the figures are for")
        .maps("nodes", &EnergyFile::nodes, node_schema(), {.min = 1}, "how gates scale")
        .field("actions", &EnergyFile::quantities, ordered_map_of(quantity_schema().value()),
               Presence::required, "energies of digital circuits")
        .map("sram", &EnergyFile::sram, sram_schema(), Presence::required, "on-chip memories")
        .check([](const EnergyFile& file, const MapCheck& check) {
            for (const std::string& name : required_quantities())
                if (std::none_of(file.quantities.begin(), file.quantities.end(),
                                 [&](const auto& entry) { return entry.first == name; }))
                    check.error("actions", fmt::format("no figure for '{}'", name));
        });
}

constexpr std::string_view kColumns =
    "size_bytes,width_bytes,node_nm,banks,cell,read_pj,write_pj,access_ns,cycle_ns,leak_mw_bank,"
    "gate_leak_mw_bank,area_mm2,leak_mw_total";

std::vector<std::string> fields_of(const std::string& line) {
    std::vector<std::string> fields;
    std::istringstream stream(line);
    for (std::string field; std::getline(stream, field, ',');) fields.push_back(field);
    return fields;
}

/// Reads a CSV of runs, reporting lines that are none.
class SramTableReader {
  public:
    SramTableReader(std::string file, const SramFile& sram) : file_(std::move(file)), sram_(sram) {}

    std::vector<SramRow> read() {
        std::ifstream stream(file_);
        if (!stream)
            throw UserError(Diagnostic{.place = {.file = file_}, .message = "cannot be read"});
        std::string line;
        for (line_ = 1; std::getline(stream, line); ++line_) {
            if (!line.empty() && line.back() == '\r') line.pop_back();
            if (line_ == 1 && line != kColumns)
                fail(fmt::format("columns are not {}", kColumns));
            else if (line_ > 1)
                read_row(line);
        }
        if (rows_.empty() && errors_.empty()) fail("holds no run");
        if (!errors_.empty()) throw UserError(errors_);
        return std::move(rows_);
    }

  private:
    void fail(std::string message) {
        errors_.push_back(
            {.place = {.file = file_, .line = line_, .column = 1}, .message = std::move(message)});
    }

    template <class T>
    T number(const std::string& text) {
        T value{};
        const char* end = text.data() + text.size();
        const auto [stop, error] = std::from_chars(text.data(), end, value);
        if (error != std::errc() || stop != end || !(value >= 0))
            fail(fmt::format("'{}' is not a number", text));
        return value;
    }

    void read_row(const std::string& line) {
        const std::vector<std::string> f = fields_of(line);
        if (f.size() != 13) return fail(fmt::format("{} fields, not 13", f.size()));
        SramRow row{.bytes = number<std::int64_t>(f[0]),
                    .width_bytes = number<std::int64_t>(f[1]),
                    .node_nm = number<int>(f[2]),
                    .banks = number<int>(f[3]),
                    .cell = f[4].substr(f[4].find('-') + 1),  // "itrs-hp"
                    .read_pj = number<double>(f[5]),
                    .write_pj = number<double>(f[6]),
                    .access_ns = number<double>(f[7]),
                    .cycle_ns = number<double>(f[8]),
                    .leakage_mw = number<double>(f[12]),
                    .area_mm2 = number<double>(f[11])};
        for (const SupplyFile& supply : sram_.supplies)
            if (supply.cell == row.cell && supply.node_nm == row.node_nm)
                row.voltage = supply.voltage;
        if (row.voltage <= 0)
            fail(fmt::format("no supply is stated for {} at {} nm", row.cell, row.node_nm));
        rows_.push_back(std::move(row));
    }

    std::string file_;
    const SramFile& sram_;
    int line_ = 0;
    std::vector<SramRow> rows_;
    std::vector<Diagnostic> errors_;
};

}  // namespace

LoadedEnergy load_energy_tables(const ConfigPath& config_path, std::string_view name_or_file,
                                std::string_view beside) {
    const std::string file = config_path.find(ConfigKind::energy, name_or_file, beside);
    const Document document = Document::load(ConfigKind::energy, file, config_path);
    Reading reading(document);
    const EnergyFile read = energy_schema().read(document.root(), reading);
    reading.finish();

    std::vector<NodeScaling> nodes;
    for (const NodeFile& n : read.nodes)
        nodes.push_back(
            {.node_nm = n.node_nm, .a = n.a, .b = n.b, .c = n.c, .nominal_voltage = n.voltage});
    std::vector<EnergyQuantity> quantities;
    for (const auto& [name, quantity] : read.quantities) {
        EnergyQuantity priced{.name = name, .anchors = {}};
        for (const FigureFile& f : quantity.figures)
            priced.anchors.push_back({.node_nm = f.node_nm,
                                      .voltage = f.voltage,
                                      .picojoules = f.energy.value,
                                      .source = f.energy.source()});
        quantities.push_back(std::move(priced));
    }
    const std::string table =
        (std::filesystem::path(document.files().front()).parent_path() / read.sram.table).string();
    std::vector<SramRow> sram = SramTableReader(table, read.sram).read();
    return {.tables = EnergyTables(std::move(nodes), std::move(quantities), std::move(sram)),
            .file = document.files().front(),
            .resolved = reading.resolved()};
}

nlohmann::ordered_json energy_json_schema() {
    return json_schema(ConfigKind::energy, energy_schema().rule());
}

}  // namespace perfwatt
