#include "models/dram/dram_schema.h"

#include <fmt/format.h>

#include "models/dram/dram_currents.h"
#include "models/dram/dram_pim.h"
#include "sim/arch/pim_schema.h"
#include "sim/config/schema.h"

namespace perfwatt::dram {
namespace {

struct CommandFile {
    int ticks = 1;
    int bus = 0;
    bool counts_from_last = true;
};

struct WckFile {
    std::string runs_for;
    bool early = true;
};

struct PriceFile {
    Sourced<double> activate, precharge, read, write, read_io, write_io;
    Sourced<double> refresh, refresh_bank;
    Sourced<double> active_standby, precharged_standby, power_down, active_power_down;
    Sourced<double> self_refresh;
};

struct EnergyFile {
    std::optional<CurrentsFile> currents;
    std::optional<PriceFile> typical, maximum;
};

struct MemoryFile {
    std::string description, standard, address_mapping;
    std::vector<std::string> address_hash;
    Clock clock;
    int ticks_per_clock = 1;
    std::int64_t data_rate = 0;
    Organization organization;
    std::vector<std::pair<std::string, Sourced<TimeOrClocks>>> timing;
    std::map<std::string, CommandFile> commands;
    bool two_part_activate = false;
    std::vector<Constraint> constraints;
    std::optional<WckFile> wck;
    RefreshPolicy refresh;
    PowerPolicy power;
    ControllerPolicy controller;
    EnergyFile energy;
    std::optional<PimSpec> pim;
};

std::vector<std::pair<std::string, Command>> command_names() {
    std::vector<std::pair<std::string, Command>> names;
    for (int i = 0; i < kCommands; ++i) {
        names.emplace_back(to_string(static_cast<Command>(i)), static_cast<Command>(i));
    }
    return names;
}

MapSchema<Organization> organization_schema() {
    return MapSchema<Organization>("organization")
        .count("pseudo_channels", &Organization::pseudo_channels, {.max = 4, .otherwise = 1},
               "halves of a channel with data pins of their own")
        .count("ranks", &Organization::ranks, {.max = 16, .otherwise = 1},
               "ranks, or stack IDs, of a pseudo channel")
        .count("bank_groups", &Organization::bank_groups, {.max = 16, .otherwise = 1},
               "bank groups of a rank")
        .count("banks", &Organization::banks, {.max = 64}, "banks of a bank group")
        .count("rows", &Organization::rows, {.max = 1 << 24}, "rows of a bank")
        .count("columns", &Organization::columns, {.max = 1 << 16},
               "columns of a row, each as wide as the data pins")
        .count("width", &Organization::width_bits, {.max = 1024}, "data pins of a pseudo channel")
        .count("burst_length", &Organization::burst_length, {.max = 64}, "beats of a burst")
        .count("devices_per_rank", &Organization::devices_per_rank, {.max = 64, .otherwise = 1},
               "devices that share an access; energies are of one");
}

MapSchema<CommandFile> command_schema() {
    return MapSchema<CommandFile>("command")
        .count("ticks", &CommandFile::ticks, {.max = 16, .otherwise = 1},
               "ticks it holds its command bus")
        .count("bus", &CommandFile::bus, {.min = 0, .max = 1, .otherwise = 0},
               "1 for the column bus of an HBM")
        .flag("counts_from_last", &CommandFile::counts_from_last, true,
              "constraints count from its last tick, as data sheets do; else from its first");
}

MapSchema<Constraint> constraint_schema() {
    std::vector<std::pair<std::string, Level>> levels;
    for (int i = 0; i < kLevels; ++i) {
        levels.emplace_back(to_string(static_cast<Level>(i)), static_cast<Level>(i));
    }
    return MapSchema<Constraint>("constraint")
        .choice("level", &Constraint::level, {.names = levels}, "where both commands meet")
        .field("from", &Constraint::from, list_of(choice_value(command_names()), {.min = 1}),
               Presence::required, "the earlier command")
        .field("to", &Constraint::to, list_of(choice_value(command_names()), {.min = 1}),
               Presence::required, "the later command")
        .text("wait", &Constraint::wait, {}, "a sum of timings and clocks: tWL + tBL + tWR")
        .count("window", &Constraint::window, {.max = 64, .otherwise = 1},
               "counted from the n-th last `from`")
        .flag("sibling", &Constraint::sibling, false,
              "between different nodes of the level with one parent");
}

MapSchema<WckFile> wck_schema() {
    return MapSchema<WckFile>("wck")
        .text("runs_for", &WckFile::runs_for, {}, "how long it runs on after the last datum")
        .flag("early", &WckFile::early, true,
              "the CAS may go out before its column command is ready");
}

using ModeNames = std::vector<std::pair<std::string, RefreshMode>>;

ModeNames refresh_modes() {
    return {{"none", RefreshMode::none},
            {"all_bank", RefreshMode::all_bank},
            {"per_bank", RefreshMode::per_bank},
            {"same_bank", RefreshMode::same_bank}};
}

MapSchema<ManagementPolicy> management_schema() {
    return MapSchema<ManagementPolicy>("management")
        .choice("mode", &ManagementPolicy::mode,
                {.names = refresh_modes(), .otherwise = RefreshMode::none},
                "what one RFM command covers; none where the device asks for none")
        .count("initial", &ManagementPolicy::initial, {.min = 0, .max = 4096, .otherwise = 0},
               "RAAIMT: activates of a bank after which management is due")
        .count("maximum", &ManagementPolicy::maximum, {.min = 0, .max = 65536, .otherwise = 0},
               "RAAMMT: activates that a bank may have counted")
        .count("per_refresh", &ManagementPolicy::per_refresh,
               {.min = 0, .max = 4096, .otherwise = 0}, "taken off the count by a refresh")
        .count("per_management", &ManagementPolicy::per_management,
               {.min = 0, .max = 65536, .otherwise = 0},
               "taken off by an RFM; 0: as much as initial")
        .flag("postpone", &ManagementPolicy::postpone, false,
              "wait, up to the maximum, while requests wait for the bank");
}

MapSchema<HotRefresh> hot_schema() {
    return MapSchema<HotRefresh>("hot")
        .count("above", &HotRefresh::above, {.min = 0, .max = 150}, "degrees Celsius")
        .ratio("divisor", &HotRefresh::divisor, {.min = 1, .max = 8},
               "how many times as often it is refreshed");
}

MapSchema<RefreshPolicy> refresh_schema() {
    return MapSchema<RefreshPolicy>("refresh")
        .choice("mode", &RefreshPolicy::mode,
                {.names = refresh_modes(), .otherwise = RefreshMode::all_bank},
                "what one refresh command covers")
        .count("banks_at_once", &RefreshPolicy::banks_at_once, {.max = 2, .otherwise = 1},
               "banks that a per-bank refresh takes; of two, half the banks lie between")
        .count("max_postponed", &RefreshPolicy::max_postponed, {.min = 0, .max = 8, .otherwise = 0},
               "refreshes a busy rank may owe")
        .flag("staggered", &RefreshPolicy::staggered, false,
              "ranks and pseudo channels are refreshed in turn, not all at once")
        .flag("blocks_channel", &RefreshPolicy::blocks_channel, false,
              "a due refresh holds up all banks of the channel, not only those it covers")
        .ratio("first", &RefreshPolicy::first, {.min = 0.001, .max = 1, .otherwise = 1},
               "part of an interval after which the first is due")
        .choice("opened", &RefreshPolicy::opened,
                {.names = {{"served", OpenedAccess::served}, {"waits", OpenedAccess::waits}},
                 .otherwise = OpenedAccess::served},
                "accesses whose rows are open when an all-bank refresh falls due: served first, or "
                "made to wait until after it")
        .flag("yields_to_writes", &RefreshPolicy::yields_to_writes, false,
              "a due refresh waits while only writes are queued, eight of them at most")
        .ratio("interval_divisor", &RefreshPolicy::interval_divisor,
               {.min = 0.25, .max = 8, .otherwise = 1},
               "shortens the interval beyond what the temperature asks for")
        .count("temperature", &RefreshPolicy::temperature, {.min = 0, .max = 150, .otherwise = 45},
               "of the devices, degrees Celsius")
        .maps("hot", &RefreshPolicy::hot, hot_schema(), {.max = 8},
              "how much more often it is refreshed when hot")
        .map("management", &RefreshPolicy::management, management_schema(), Presence::optional,
             "time for rows beside busy ones (RFM)");
}

MapSchema<PowerPolicy> power_schema() {
    return MapSchema<PowerPolicy>("power")
        .count("power_down_after", &PowerPolicy::power_down_after, {.min = 0, .otherwise = 0},
               "idle clocks before power-down; 0: never")
        .count("self_refresh_after", &PowerPolicy::self_refresh_after, {.min = 0, .otherwise = 0},
               "idle clocks before self-refresh; 0: never")
        .flag("keep_rows_open", &PowerPolicy::keep_rows_open, false,
              "power down with rows open (active power-down) instead of closing them first");
}

MapSchema<MasterShare> master_schema() {
    return MapSchema<MasterShare>("master")
        .count("master", &MasterShare::master, {.min = 0, .max = 1000}, "its number")
        .count("weight", &MasterShare::weight, {.max = 1000, .otherwise = 1},
               "its share of the bursts when several wait")
        .count("priority", &MasterShare::priority, {.min = 0, .max = 100, .otherwise = 0},
               "higher goes first");
}

MapSchema<ControllerPolicy> controller_schema() {
    return MapSchema<ControllerPolicy>("controller")
        .choice("queues", &ControllerPolicy::queues,
                {.names = {{"channel", QueueScope::channel},
                           {"pseudo_channel", QueueScope::pseudo_channel}},
                 .otherwise = QueueScope::channel},
                "what has queues of its own, and drains its writes by itself")
        .count("read_queue", &ControllerPolicy::read_queue, {.max = 1024, .otherwise = 32},
               "reads it holds")
        .count("write_queue", &ControllerPolicy::write_queue, {.max = 1024, .otherwise = 32},
               "writes it holds")
        .ratio("write_high", &ControllerPolicy::write_high, {.max = 1, .otherwise = 0.8},
               "fill above which writes are drained")
        .ratio("write_low", &ControllerPolicy::write_low, {.max = 1, .otherwise = 0.2},
               "fill below which reads go first again")
        .choice("page", &ControllerPolicy::page,
                {.names = {{"open", PagePolicy::open},
                           {"closed", PagePolicy::closed},
                           {"adaptive", PagePolicy::adaptive}},
                 .otherwise = PagePolicy::open},
                "when rows are closed")
        .flag("row_hits_first", &ControllerPolicy::row_hits_first, false,
              "a row that an older request hits is not closed")
        .count("age_limit", &ControllerPolicy::age_limit, {.min = 0, .otherwise = 0},
               "clocks after which a request goes first; 0: never")
        .maps("masters", &ControllerPolicy::masters, master_schema(), {.max = 64},
              "claims of masters on the channel");
}

MapSchema<PriceFile> price_schema() {
    const QuantityLimits energy{.min = "0 pJ", .max = "1 mJ", .otherwise = std::nullopt};
    const QuantityLimits bit{.min = "0 pJ/bit", .max = "1000 pJ/bit", .otherwise = std::nullopt};
    const QuantityLimits power{.min = "0 W", .max = "100 W", .otherwise = std::nullopt};
    return MapSchema<PriceFile>("prices")
        .energy("activate", &PriceFile::activate, energy,
                "of a row of one device, and its close "
                "where precharge is zero")
        .energy("precharge", &PriceFile::precharge, energy, "of a row of one device")
        .energy_per_bit("read", &PriceFile::read, bit, "inside the device")
        .energy_per_bit("write", &PriceFile::write, bit, "inside the device")
        .energy_per_bit("read_io", &PriceFile::read_io, bit, "data pins")
        .energy_per_bit("write_io", &PriceFile::write_io, bit, "data pins")
        .energy("refresh", &PriceFile::refresh, energy, "an all-bank refresh of one device")
        .energy("refresh_bank", &PriceFile::refresh_bank, energy, "a per-bank or same-bank refresh")
        .power("active_standby", &PriceFile::active_standby, power, "one device, a row open")
        .power("precharged_standby", &PriceFile::precharged_standby, power, "all rows closed")
        .power("power_down", &PriceFile::power_down, power, "one device in power-down")
        .power("active_power_down", &PriceFile::active_power_down,
               {.min = "0 W", .max = "100 W", .otherwise = "0 W"},
               "one device in power-down with a row open; 0: estimated from the others")
        .power("self_refresh", &PriceFile::self_refresh, power, "one device in self-refresh");
}

MapSchema<EnergyFile> energy_schema() {
    return MapSchema<EnergyFile>("energy")
        .map("currents", &EnergyFile::currents, currents_schema(), Presence::optional,
             "data sheet currents, from which prices are computed")
        .map("typical", &EnergyFile::typical, price_schema(), Presence::optional,
             "prices of a typical device")
        .map("maximum", &EnergyFile::maximum, price_schema(), Presence::optional,
             "prices at data sheet maxima")
        .check([](const EnergyFile& file, const MapCheck& check) {
            if (!file.currents && (!file.typical || !file.maximum)) {
                check.error("typical", "'energy' needs currents, or typical and maximum prices");
            }
            if (file.currents && (file.typical || file.maximum)) {
                check.error("currents", "'energy' has both currents and prices",
                            "keep one of them");
            }
        });
}

MapSchema<MemoryFile> file_schema() {
    return MapSchema<MemoryFile>("memory")
        .prose("description", &MemoryFile::description, "in words")
        .text("standard", &MemoryFile::standard, {}, "the family: LPDDR5")
        .frequency("clock", &MemoryFile::clock, {.min = "10 MHz", .max = "20 GHz"},
                   "of the command bus")
        .count("ticks_per_clock", &MemoryFile::ticks_per_clock, {.max = 2, .otherwise = 1},
               "2 where commands take half clocks")
        .transfers("data_rate", &MemoryFile::data_rate, {}, "of a data pin")
        .map("organization", &MemoryFile::organization, organization_schema(), Presence::required,
             "what hangs on a channel")
        .field("timing", &MemoryFile::timing,
               ordered_map_of(quantity_value<Sourced<TimeOrClocks>>(
                                  Dimension::time_or_clocks,
                                  {.min = "0 tck", .max = "1 s", .otherwise = std::nullopt}),
                              {.min = 3}),
               Presence::required, "named times; tRL, tWL and tBL must be among them")
        .field("commands", &MemoryFile::commands, map_of(command_schema().value()),
               Presence::optional, "how commands use their bus; one tick unless said here")
        .flag("two_part_activate", &MemoryFile::two_part_activate, false,
              "ACT1 and ACT2 at most tAAD apart")
        .maps("constraints", &MemoryFile::constraints, constraint_schema(), {.min = 1},
              "waits between commands")
        .map("wck", &MemoryFile::wck, wck_schema(), Presence::optional,
             "a data clock that must be started by a CAS")
        .map("refresh", &MemoryFile::refresh, refresh_schema(), Presence::optional,
             "how it is refreshed")
        .map("power", &MemoryFile::power, power_schema(), Presence::optional, "when it sleeps")
        .map("controller", &MemoryFile::controller, controller_schema(), Presence::optional,
             "queues and policies")
        .text("address_mapping", &MemoryFile::address_mapping, {}, "fields, highest bits first")
        .field("address_hash", &MemoryFile::address_hash, list_of(text_value()), Presence::optional,
               "\"bank ^ row\": the row's low bits folded into the bank")
        .map("energy", &MemoryFile::energy, energy_schema(), Presence::required, "prices")
        .map("pim", &MemoryFile::pim, pim_schema(), Presence::optional,
             "processing units in the banks");
}

EnergyValue value_of(const Sourced<double>& price, double factor) {
    return {.value = price.value * factor, .source = price.source()};
}

EnergyPrices prices_of(const PriceFile& file) {
    constexpr double kMilliwatts = 1e3;
    EnergyPrices prices = {.activate = value_of(file.activate, 1),
                           .precharge = value_of(file.precharge, 1),
                           .read = value_of(file.read, 1),
                           .write = value_of(file.write, 1),
                           .read_io = value_of(file.read_io, 1),
                           .write_io = value_of(file.write_io, 1),
                           .refresh_all = value_of(file.refresh, 1),
                           .refresh_bank = value_of(file.refresh_bank, 1),
                           .active_standby = value_of(file.active_standby, kMilliwatts),
                           .precharged_standby = value_of(file.precharged_standby, kMilliwatts),
                           .power_down = value_of(file.power_down, kMilliwatts),
                           .active_power_down = value_of(file.active_power_down, kMilliwatts),
                           .self_refresh = value_of(file.self_refresh, kMilliwatts)};
    if (prices.active_power_down.value == 0) {
        prices.active_power_down = estimated_active_power_down(prices);
    }
    return prices;
}

std::string stem(const std::string& file) {
    const std::size_t slash = file.rfind('/');
    const std::string name = slash == std::string::npos ? file : file.substr(slash + 1);
    return name.substr(0, name.rfind('.'));
}

void set_forms(const MemoryFile& file, const Document& document, Reading& reading, DramSpec& spec) {
    for (const auto& [name, form] : file.commands) {
        const std::optional<Command> command = command_from(name);
        if (!command) {
            std::vector<std::string> known;
            for (const auto& entry : command_names()) known.push_back(entry.first);
            const ConfigNode* commands = document.root().find("commands");
            reading.error(*commands->find(name), fmt::format("there is no command '{}'", name),
                          did_you_mean(name, known));
            continue;
        }
        spec.forms[static_cast<std::size_t>(*command)] = {
            .ticks = form.ticks, .bus = form.bus, .counts_from_last = form.counts_from_last};
    }
}

}  // namespace

const ConfigRule& memory_schema() {
    static const MapSchema<MemoryFile> schema = file_schema();
    return schema.rule();
}

DramSpec read_spec(const Document& document, Reading& reading) {
    const std::size_t errors = reading.error_count();
    MemoryFile file = file_schema().read(document.root(), reading);
    DramSpec spec;
    spec.name = stem(document.file());
    if (reading.error_count() > errors || !document.errors().empty()) return spec;
    spec.description = std::move(file.description);
    spec.standard = std::move(file.standard);
    spec.organization = file.organization;
    spec.clock = file.clock;
    spec.ticks_per_clock = file.ticks_per_clock;
    spec.transfers_per_second = file.data_rate;
    for (const auto& [name, time] : file.timing) {
        spec.timing.push_back({.name = name, .span = time.value, .source = time.source()});
    }
    set_forms(file, document, reading, spec);
    spec.two_part_activate = file.two_part_activate;
    spec.constraints = std::move(file.constraints);
    if (file.wck) {
        spec.wck = {.needed = true, .runs_for = file.wck->runs_for, .early = file.wck->early};
    }
    spec.refresh = file.refresh;
    spec.power = file.power;
    spec.controller = std::move(file.controller);
    spec.address_mapping = std::move(file.address_mapping);
    spec.address_hash = std::move(file.address_hash);
    if (file.energy.currents) {
        spec.energy = energy_from(*file.energy.currents, spec);
    } else if (file.energy.typical && file.energy.maximum) {
        spec.energy = {.typical = prices_of(*file.energy.typical),
                       .maximum = prices_of(*file.energy.maximum)};
    }
    spec.estimated = paths_with(Status::estimated, reading.resolved());
    if (file.pim) {
        spec.pim = complete_pim(*file.pim, spec);
        for (const auto& [key, message] : pim_mistakes(*spec.pim)) {
            const ConfigNode* map = document.root().find("pim");
            const ConfigNode* place = map->find(key);
            reading.error(place != nullptr ? *place : *map, message);
        }
    }
    return spec;
}

LoadedSpec load_spec(const ConfigPath& config_path, const std::string& name_or_file,
                     const std::vector<std::string>& overrides, const std::string& beside) {
    const std::string file = config_path.find(ConfigKind::memory, name_or_file, beside);
    const Document document = Document::load(ConfigKind::memory, file, config_path, overrides);
    Reading reading(document);
    LoadedSpec loaded;
    loaded.spec = read_spec(document, reading);
    reading.finish();
    std::vector<Diagnostic> errors;
    for (Diagnostic& diagnostic : lint(loaded.spec)) {
        diagnostic.place.file = file;
        (diagnostic.severity == Severity::error ? errors : loaded.warnings)
            .push_back(std::move(diagnostic));
    }
    if (!errors.empty()) throw UserError(std::move(errors));
    loaded.config_hash = config_hash(reading.resolved());
    loaded.resolved = reading.resolved();
    return loaded;
}

}  // namespace perfwatt::dram
