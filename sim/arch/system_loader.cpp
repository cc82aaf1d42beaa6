#include "sim/arch/system_loader.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "sim/config/json_schema.h"
#include "sim/config/schema.h"

namespace perfwatt {
namespace {

struct SystemChip {
    std::string chip;
    int count = 1;
};

struct PeersFile {
    std::string name;
    PeerTopology topology = PeerTopology::switch_;
    std::int64_t bytes_per_second = 0;
    Time setup;
    std::vector<PeerProtocol> protocols;
    Sourced<double> energy;
};

struct SystemHostFile {
    std::int64_t bytes_per_second = 0;
    Time latency;
    Sourced<double> energy;
    std::optional<Sourced<double>> idle_watts;
};

struct SystemFile {
    std::string name;
    std::string description;
    std::vector<SystemChip> chips;
    int tensor = 1;
    int data = 1;
    std::optional<PowerBoundary> power_boundary;
    std::optional<PeersFile> peers;
    std::optional<SystemHostFile> host;

    [[nodiscard]] int count() const {
        int all = 0;
        for (const SystemChip& part : chips) all += part.count;
        return all;
    }
};

MapSchema<PeerProtocol> protocol_schema() {
    return MapSchema<PeerProtocol>("protocol")
        .text("name", &PeerProtocol::name, {}, "of the protocol")
        .choice("algorithm", &PeerProtocol::algorithm,
                {.names = {{"any", PeerAlgorithm::any},
                           {"ring", PeerAlgorithm::ring},
                           {"tree", PeerAlgorithm::tree},
                           {"in_switch", PeerAlgorithm::in_switch}},
                 .otherwise = PeerAlgorithm::any},
                "in_switch: the switch adds (all-reduce only); any: ring, or tree over a switch")
        .time("setup", &PeerProtocol::setup, {.min = "0 fs", .max = "1 s", .otherwise = "0 fs"},
              "of a collective, beside the link's")
        .time("step", &PeerProtocol::step, {.min = "0 fs", .max = "1 s"},
              "of each step of a collective, beside its data")
        .ratio("efficiency", &PeerProtocol::efficiency, {.min = 0.001, .max = 1, .otherwise = 1},
               "payload, of the bandwidth")
        .ratio("own_share", &PeerProtocol::own_share, {.min = 0, .max = 1, .otherwise = 0},
               "time of what a chip keeps, of that of sending as much");
}

MapSchema<PeersFile> peers_schema() {
    return MapSchema<PeersFile>("peers")
        .text("name", &PeersFile::name, {}, "of the link, for reports")
        .choice("topology", &PeersFile::topology,
                {.names = {{"ring", PeerTopology::ring}, {"switch", PeerTopology::switch_}},
                 .otherwise = PeerTopology::switch_},
                "ring: each chip sees two; switch: each sees all")
        .bandwidth("bandwidth", &PeersFile::bytes_per_second, {.min = "1 MB/s"},
                   "of one chip to the others together, each way")
        .time("setup", &PeersFile::setup, {.min = "0 fs", .max = "1 s", .otherwise = "0 fs"},
              "of a collective, whatever its size")
        .maps("protocols", &PeersFile::protocols, protocol_schema(), {.min = 1, .max = 8},
              "ways to move data; the fastest is taken for each message")
        .energy_per_bit("energy", &PeersFile::energy, {}, "of a bit that leaves a chip")
        .check([](const PeersFile& peers, const MapCheck& check) {
            // Every collective can go round; few can do without.
            for (const PeerProtocol& protocol : peers.protocols)
                if (protocol.algorithm == PeerAlgorithm::any ||
                    protocol.algorithm == PeerAlgorithm::ring)
                    return;
            check.error("protocols", "none goes round a ring, as gathering and scattering must",
                        "one with 'algorithm: ring', or without");
        });
}

MapSchema<SystemHostFile> system_host_schema() {
    return MapSchema<SystemHostFile>("system host")
        .bandwidth("bandwidth", &SystemHostFile::bytes_per_second, {.min = "1 MB/s"},
                   "between it and each chip, each way: inputs and results cross it")
        .time("latency", &SystemHostFile::latency, {.min = "0 fs", .max = "1 s"}, "one way")
        .energy_per_bit("energy", &SystemHostFile::energy, {}, "of a bit that crosses")
        .power("idle_power", &SystemHostFile::idle_watts, {.min = "0 W"},
               "of the host, counted where the power boundary is the wall");
}

MapSchema<SystemFile> system_schema() {
    return MapSchema<SystemFile>("system")
        .text("name", &SystemFile::name, {}, "for tables and reports")
        .prose("description", &SystemFile::description, "a line for 'perfwatt list'")
        .maps("chips", &SystemFile::chips,
              MapSchema<SystemChip>("system chip")
                  .text("chip", &SystemChip::chip, {}, "name or file of a chip YAML")
                  .count("count", &SystemChip::count, {.max = 4096, .otherwise = 1},
                         "how many of them"),
              {.min = 1, .max = 64}, "what the system is made of")
        .count("tensor", &SystemFile::tensor, {.max = 4096, .otherwise = 1},
               "chips that share each inference: heads and channels are split among them")
        .count("data", &SystemFile::data, {.max = 4096, .otherwise = 1},
               "groups of chips among which the batch is split")
        .choice("power_boundary", &SystemFile::power_boundary,
                {.names = {{"chip", PowerBoundary::chip},
                           {"chip_dram", PowerBoundary::chip_dram},
                           {"board", PowerBoundary::board},
                           {"wall", PowerBoundary::wall}}},
                "what the power of the system includes (the chip's)")
        .map("peers", &SystemFile::peers, peers_schema(), Presence::optional,
             "the link between its chips")
        .map("host", &SystemFile::host, system_host_schema(), Presence::optional,
             "the machine that the chips stand in")
        .check([](const SystemFile& system, const MapCheck& check) {
            if (system.chips.size() > 1)
                check.error("chips", "a system of different chips cannot be simulated",
                            "one entry with a 'count'; engines of one chip may differ");
            if (system.tensor * system.data != system.count())
                check.error("chips",
                            fmt::format("{} chips, but tensor x data is {} x {}", system.count(),
                                        system.tensor, system.data),
                            fmt::format("tensor: {} shares each inference among all, data: {} the "
                                        "batch",
                                        system.count(), system.count()));
            if (system.tensor > 1 && !system.peers)
                check.error("tensor", "chips that share an inference need 'peers', a link",
                            "peers: {name, topology, bandwidth, protocols, energy}");
        });
}

}  // namespace

LoadedSystem load_system(const std::string& file, const std::vector<std::string>& overrides,
                         const ConfigPath& config_path) {
    const Document document = Document::load(ConfigKind::system, file, config_path, overrides);
    Reading reading(document);
    const SystemFile read = system_schema().read(document.root(), reading);
    reading.finish();
    LoadedSystem loaded{
        .spec = {.name = read.name, .tensor = read.tensor, .data = read.data},
        .description = read.description,
        .chip_file = config_path.find(ConfigKind::chip, read.chips.front().chip, document.file()),
        .power_boundary = read.power_boundary,
        .resolved = reading.resolved()};
    if (read.peers)
        loaded.spec.peers = {.name = read.peers->name,
                             .topology = read.peers->topology,
                             .bytes_per_second = read.peers->bytes_per_second,
                             .setup = read.peers->setup,
                             .protocols = read.peers->protocols,
                             .picojoules_per_bit = read.peers->energy.value,
                             .energy_source = read.peers->energy.source()};
    if (read.host) {
        loaded.spec.host = {.bytes_per_second = read.host->bytes_per_second,
                            .latency = read.host->latency,
                            .picojoules_per_bit = read.host->energy.value,
                            .energy_source = read.host->energy.source()};
        if (read.host->idle_watts) {
            loaded.spec.host.idle_watts = read.host->idle_watts->value;
            loaded.spec.host.power_source = read.host->idle_watts->source();
        }
    }
    for (ResolvedValue& value : loaded.resolved) value.path = "system." + value.path;
    return loaded;
}

nlohmann::ordered_json system_json_schema() {
    return json_schema(ConfigKind::system, system_schema().rule());
}

}  // namespace perfwatt
