#include "sim/engine/platform.h"

#include <fmt/format.h>

#include <systemc>
#include <tlm>
#include <utility>

#include "sim/base/diagnostics.h"
#include "sim/engine/account.h"
#include "sim/engine/dma_engine.h"
#include "sim/engine/memory_system.h"
#include "sim/engine/pim_unit.h"
#include "sim/engine/unit_factory.h"
#include "sim/engine/unit_module.h"

namespace perfwatt {

namespace {

void prepare_kernel() {
    using namespace sc_core;
    PERFWATT_CHECK(sc_get_status() == SC_ELABORATION && sc_get_top_level_objects().empty(),
                   "SystemC runs one simulation a process");
    // Nothing of ours may be printed by the kernel; its errors come as exceptions.
    sc_report_handler::set_actions(SC_INFO, SC_DO_NOTHING);
    sc_report_handler::set_actions(SC_WARNING, SC_DO_NOTHING);
    sc_report_handler::set_actions(SC_ERROR, SC_THROW);
    sc_report_handler::set_actions(SC_FATAL, SC_THROW);
    sc_set_time_resolution(1, SC_FS);
}

/// Places of `actions` appended to `all`.
std::vector<ActionId> append(std::vector<Action>& all, std::vector<Action> actions) {
    std::vector<ActionId> ids;
    for (Action& action : actions) {
        ids.push_back(ActionId{static_cast<std::int32_t>(all.size())});
        all.push_back(std::move(action));
    }
    return ids;
}

/// Work on the host is the chip's affair, whatever its family.
std::vector<Action> host_actions(const std::optional<HostSpec>& host) {
    if (!host) return {};
    return {{.name = "host.operation",
             .unit = "operation",
             .meaning = "an operation of the network that the host does for the chip",
             .component = EnergyComponent::host,
             .picojoules = host->picojoules_per_operation,
             .source = host->energy_source,
             .not_modelled = host->picojoules_per_operation > 0 ? "" : "the chip's file says 0"}};
}

std::vector<Action> exchange_actions(const std::vector<PlatformExchange>& links) {
    std::vector<Action> actions;
    for (const PlatformExchange& link : links)
        actions.push_back(
            {.name = link.name + ".bit",
             .unit = "bit",
             .meaning = "a bit sent to another chip of the system, or between it and the host",
             .component = EnergyComponent::link,
             .picojoules = link.picojoules_per_bit,
             .source = link.energy_source,
             .not_modelled = link.picojoules_per_bit > 0 ? "" : "the system's file says 0"});
    return actions;
}

/// What is done neither by an engine nor by a memory: work on the host, exchanges between chips.
void count_outside(const Program& program, const std::vector<ActionId>& host,
                   const std::vector<ActionId>& exchange, Counts& counts) {
    for (const Command& command : program.commands) {
        const int layer = command.layer.valid() ? command.layer.value : counts.layers() - 1;
        if (const auto* delay = std::get_if<Delay>(&command.work)) {
            if (delay->operations == 0) continue;
            PERFWATT_CHECK(!host.empty(), "a program has host work, its chip no host");
            counts.add(layer, host.front(), delay->operations);
        } else if (const auto* sent = std::get_if<Exchange>(&command.work)) {
            const auto link = static_cast<std::size_t>(sent->link);
            PERFWATT_CHECK(link < exchange.size(), "a program exchanges data over no link");
            counts.add(layer, exchange[link], 8 * sent->link_bytes);
        }
    }
}

/// The engines of a setup, also where it names its only device.
std::vector<PlatformEngine> engines_of(const PlatformSetup& setup) {
    if (!setup.engines.empty()) return setup.engines;
    return {{.name = {}, .device = setup.device}};
}

/// What an engine counts, told apart by its name where there are others.
std::vector<Action> actions_of(const PlatformEngine& engine, bool alone) {
    std::vector<Action> actions = engine.device->actions();
    if (!alone)
        for (Action& action : actions) action.name = engine.name + "." + action.name;
    return actions;
}

/// All actions of a platform and where each of its parts finds its own.
struct ActionTable {
    std::vector<Action> actions;
    std::vector<std::vector<ActionId>> engines;
    std::vector<ActionId> host;
    std::vector<ActionId> exchange;
    std::vector<std::vector<ActionId>> links;
    std::vector<std::vector<ActionId>> memories;

    explicit ActionTable(const PlatformSetup& setup) {
        for (const PlatformEngine& engine : setup.engines) {
            engines.push_back(append(actions, actions_of(engine, setup.engines.size() == 1)));
        }
        host = append(actions, host_actions(setup.host));
        exchange = append(actions, exchange_actions(setup.exchanges));
        for (const auto& link : setup.links) {
            links.push_back(append(actions, link->actions()));
        }
        for (const PlatformMemory& memory : setup.memories) {
            memories.push_back(append(actions, memory.model->actions()));
        }
    }
};

void check_region(const Region& region, const std::vector<PlatformMemory>& memories,
                  std::size_t command) {
    PERFWATT_CHECK(region.memory.valid() && region.memory.index() < memories.size(),
                   fmt::format("command {} moves data of no memory", command));
    const MemoryAttachment& memory = memories[region.memory.index()].attachment;
    const std::int64_t end =
        region.address + (region.rows - 1) * region.pitch_bytes + region.row_bytes;
    PERFWATT_CHECK(memory.capacity_bytes == 0 || end <= memory.capacity_bytes,
                   fmt::format("command {} reaches byte {} of {}, which has {}", command, end,
                               memory.name, memory.capacity_bytes));
}

void check_setup(const PlatformSetup& setup) {
    const Program& program = *setup.program;
    PERFWATT_CHECK(program.memories.size() == setup.memories.size(),
                   "program and platform differ in memories");
    for (const PlatformMemory& memory : setup.memories) {
        PERFWATT_CHECK(memory.attachment.outstanding > 0 && memory.model != nullptr,
                       "memory " + memory.attachment.name + " takes no requests");
    }
    for (const Unit& unit : program.units) {
        PERFWATT_CHECK(unit.core >= 0, "unit " + unit.name + " is of no core");
        PERFWATT_CHECK(
            unit.engine >= 0 && static_cast<std::size_t>(unit.engine) < setup.engines.size(),
            "unit " + unit.name + " is of no engine");
    }
    for (std::size_t i = 0; i < program.commands.size(); ++i) {
        const Command& command = program.commands[i];
        PERFWATT_CHECK(!command.layer.valid() || command.layer.index() < program.layers.size(),
                       fmt::format("command {} is of no layer", i));
        if (const auto* load = std::get_if<Load>(&command.work)) {
            check_region(load->source, setup.memories, i);
        } else if (const auto* store = std::get_if<Store>(&command.work)) {
            check_region(store->target, setup.memories, i);
        }
    }
}

/// The modules of one run, wired up.
class Simulation {
  public:
    explicit Simulation(const PlatformSetup& setup)
        : setup_(setup),
          table_(setup),
          context_{
              .program = *setup.program,
              .devices = {},
              .schedule = Schedule(*setup.program),
              .counts = Counts(table_.actions, static_cast<int>(setup.program->layers.size()) + 1),
              .device_actions = table_.engines,
              .scratchpad_index = ScratchpadIndex(setup.program->units),
              .scratchpads = {},
              .units = {},
              .launch = setup.launch,
              .failure = {}},
          memory_system_("memory_system", context_, setup.links, setup.memories) {
        for (const PlatformEngine& engine : setup.engines) {
            context_.devices.push_back(engine.device);
        }
        for (const PlatformMemory& memory : setup.memories) {
            attachments_.push_back(memory.attachment);
        }
        for (std::size_t i = 0; i < setup.links.size(); ++i) {
            memory_system_.links()[i].actions = table_.links[i];
        }
        add_scratchpads();
        for (std::size_t i = 0; i < setup.program->units.size(); ++i) {
            add_unit(UnitId{static_cast<std::int32_t>(i)});
        }
    }

    RunRecord run() {
        sc_core::sc_start();
        if (context_.failure) {
            std::rethrow_exception(context_.failure);
        }
        PERFWATT_CHECK(context_.schedule.done(), "deadlock: " + context_.schedule.describe_stuck());
        return record();
    }

  private:
    void add_scratchpads() {
        const ScratchpadIndex& index = context_.scratchpad_index;
        for (std::size_t i = 0; i < index.size(); ++i) {
            const auto engine = static_cast<std::size_t>(index.engine_of(i));
            PERFWATT_CHECK(engine < context_.devices.size(), "a scratchpad of no engine");
            context_.scratchpads.emplace_back(context_.devices[engine]->scratchpad(),
                                              setup_.program->units.size());
        }
    }

    void add_unit(UnitId id) {
        const std::string name = fmt::format("unit{}", id.value);
        const UnitFactory* factory = context_.device_of(id).unit_factory();
        const UnitKind kind = setup_.program->units[id.index()].kind;
        std::unique_ptr<UnitModule> unit;
        if (factory != nullptr) {
            unit = factory->make(id, context_);
        }
        if (unit == nullptr && kind == UnitKind::dma) {
            auto dma = std::make_unique<DmaEngine>(name.c_str(), id, context_, attachments_);
            dma->socket.bind(memory_system_.socket);
            dma_engines_.push_back({id, dma.get()});
            unit = std::move(dma);
        } else if (unit == nullptr && kind == UnitKind::pim) {
            auto pim = std::make_unique<PimUnit>(name.c_str(), id, context_);
            pim->socket.bind(memory_system_.socket);
            unit = std::move(pim);
        } else if (unit == nullptr) {
            unit = std::make_unique<ComputeUnit>(name.c_str(), id, context_);
        }
        context_.units.push_back(unit.get());
        units_.push_back(std::move(unit));
    }

    RunRecord record() {
        RunRecord record{.program = *setup_.program,
                         .devices = context_.devices,
                         .launched = setup_.launch,
                         .removed_macs = setup_.removed_macs,
                         .times = context_.schedule.times(),
                         .links = {},
                         .memories = {},
                         .dma_ports = std::vector<BusyCurve>(units_.size()),
                         .counts = std::move(context_.counts)};
        const Time end = end_of_run(record);
        count_outside(*setup_.program, table_.host, table_.exchange, record.counts);
        for (MemorySystem::Link& link : memory_system_.links()) {
            record.links.push_back(std::move(link.record));
        }
        for (std::size_t i = 0; i < setup_.memories.size(); ++i) {
            MemoryModel& model = *setup_.memories[i].model;
            MemoryRecord memory = std::move(memory_system_.memories()[i].record);
            model.finish(end);
            memory.busy.add_point(end, model.data_bus_busy(end));
            model.add_counts(record.counts, table_.memories[i]);
            memory.report = model.report();
            record.memories.push_back(std::move(memory));
        }
        for (const auto& [id, dma] : dma_engines_) {
            record.dma_ports[id.index()] = dma->port_busy();
        }
        return record;
    }

    const PlatformSetup& setup_;
    ActionTable table_;
    SimulationContext context_;
    MemorySystem memory_system_;
    std::vector<MemoryAttachment> attachments_;
    std::vector<std::unique_ptr<UnitModule>> units_;
    std::vector<std::pair<UnitId, const DmaEngine*>> dma_engines_;
};

}  // namespace

PlatformResult simulate(PlatformSetup setup) {
    setup.engines = engines_of(setup);
    PERFWATT_CHECK(setup.program != nullptr, "a platform without parts");
    for (const PlatformEngine& engine : setup.engines) {
        PERFWATT_CHECK(engine.device != nullptr, "an engine without a device");
    }
    check_setup(setup);
    prepare_kernel();
    Simulation simulation(setup);
    RunRecord record = simulation.run();
    Timeline timeline;
    if (setup.want_timeline) {
        timeline = make_timeline(record);
    }
    PlatformResult result = account(std::move(record));
    result.timeline = std::move(timeline);
    return result;
}

}  // namespace perfwatt
