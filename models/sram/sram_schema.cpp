#include "models/sram/sram_schema.h"

#include <fmt/format.h>

#include "models/sram/sram_energy.h"
#include "sim/arch/energy_loader.h"
#include "sim/config/schema.h"

namespace perfwatt::sram {
namespace {

struct MemoryFile {
    std::string description;
    std::string standard;
    double node_nm = 0;
    double voltage = 0;
    Cell cell = Cell::lstp;
    std::int64_t capacity_bytes = 0;
    std::int64_t banks = 1;
    std::int64_t interleave_bytes = 0;
    std::int64_t bytes_per_cycle = 0;
    Clock clock;
    Time latency;
};

void check_file(const MemoryFile& file, const MapCheck& check) {
    if (file.standard != "SRAM")
        check.error("standard", fmt::format("'{}' is no on-chip memory", file.standard),
                    "standard: SRAM");
    if (file.interleave_bytes % file.bytes_per_cycle != 0)
        check.error("interleave", "'interleave' must be a whole number of accesses",
                    fmt::format("one access is of {} bytes", file.bytes_per_cycle));
    if (file.capacity_bytes % (file.banks * file.interleave_bytes) != 0)
        check.error("capacity", "'capacity' must be a whole number of rounds of all banks",
                    fmt::format("a round is of {} bytes", file.banks * file.interleave_bytes));
}

MapSchema<MemoryFile> file_schema() {
    return MapSchema<MemoryFile>("memory")
        .prose("description", &MemoryFile::description, "a line for 'perfwatt list'")
        .text("standard", &MemoryFile::standard, {}, "SRAM: an on-chip memory, priced by CACTI")
        .length("node", &MemoryFile::node_nm, {.min = "1 nm", .max = "500 nm"}, "of the silicon")
        .voltage("voltage", &MemoryFile::voltage, {}, "of the array and its wires")
        .choice("cell", &MemoryFile::cell,
                {.names = {{"hp", Cell::hp}, {"lop", Cell::lop}, {"lstp", Cell::lstp}},
                 .otherwise = Cell::lstp},
                "transistors of the array: fast, or hardly leaking")
        .bytes("capacity", &MemoryFile::capacity_bytes, {.min = "1 KiB", .max = "4 GiB"},
               "of all banks")
        .count("banks", &MemoryFile::banks, {.max = 4096}, "that work side by side")
        .bytes("interleave", &MemoryFile::interleave_bytes,
               {.min = "1 B", .max = "1 MiB", .otherwise = "64 B"},
               "neighbours of this size lie in neighbouring banks")
        .bytes("bytes_per_cycle", &MemoryFile::bytes_per_cycle, {.min = "1 B", .max = "4 KiB"},
               "of one bank, reads and writes together")
        .frequency("clock", &MemoryFile::clock, {.max = "10 GHz"}, "of the banks")
        .time("latency", &MemoryFile::latency, {.min = "0 fs", .max = "1 ms"},
              "from an access to its datum at the user")
        .check(check_file);
}

}  // namespace

bool is_sram(const Document& document) {
    const ConfigNode* standard = document.root().find("standard");
    return standard != nullptr && standard->text == "SRAM";
}

ConfigRule memory_schema() { return file_schema().rule(); }

LoadedMemory load_memory(const ConfigPath& config_path, const std::string& name_or_file,
                         const std::vector<std::string>& overrides, const std::string& beside) {
    const std::string path = config_path.find(ConfigKind::memory, name_or_file, beside);
    const Document document = Document::load(ConfigKind::memory, path, config_path, overrides);
    Reading reading(document);
    const MemoryFile file = file_schema().read(document.root(), reading);
    reading.finish();

    const LoadedEnergy energy = load_energy_tables(config_path);
    const Silicon silicon{.node_nm = file.node_nm, .voltage = file.voltage};
    if (const auto why = energy.tables.refuses(silicon)) {
        reading.error(document.root(), *why);
        reading.finish();
    }
    const Cost cost = SramEnergy(energy.tables)
                          .cost({.bytes = file.capacity_bytes,
                                 .width_bytes = file.bytes_per_cycle,
                                 .banks = static_cast<int>(file.banks),
                                 .cell = file.cell},
                                silicon);
    const EnergyPrice wire = energy.tables.wire_bit_mm(silicon);
    const double way =
        8.0 * static_cast<double>(file.bytes_per_cycle) * cost.distance_mm * wire.picojoules;
    return {.spec = {.name = std::string(name_or_file),
                     .capacity_bytes = file.capacity_bytes,
                     .banks = static_cast<int>(file.banks),
                     .interleave_bytes = file.interleave_bytes,
                     .bytes_per_cycle = file.bytes_per_cycle,
                     .clock = file.clock,
                     .latency = file.latency,
                     .read_pj = cost.read_pj + way,
                     .write_pj = cost.write_pj + way,
                     .energy_source = fmt::format("{}; {}", cost.source, wire.source)},
            .leakage_w = cost.leakage_w,
            .config_hash = config_hash(reading.resolved()),
            .estimated = paths_with(Status::estimated, reading.resolved()),
            .resolved = reading.resolved()};
}

}  // namespace perfwatt::sram
