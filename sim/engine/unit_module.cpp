#include "sim/engine/unit_module.h"

#include <fmt/format.h>

#include "sim/base/diagnostics.h"
#include "sim/engine/invariants.h"

namespace perfwatt {

void SimulationContext::fail() {
    if (!failure) {
        failure = std::current_exception();
        sc_core::sc_stop();
    }
}

UnitModule::UnitModule(const sc_core::sc_module_name& name, UnitId unit, SimulationContext& context)
    : sc_module(name), unit_(unit), context_(context) {
    SC_HAS_PROCESS(UnitModule);
    SC_METHOD(on_event);
    sensitive << event_;
    dont_initialize();
}

void UnitModule::start_of_simulation() { event_.notify(to_sc_time(context_.launch)); }

void UnitModule::on_event() {
    if (context_.failure) {
        return;
    }
    try {
        act(sim_now());
    } catch (...) {
        context_.fail();
    }
}

void UnitModule::act_at(Time at) { event_.notify(to_sc_time(at - sim_now())); }

void UnitModule::end(CommandId command, Time now) {
    unblocked_.clear();
    context_.schedule.end(command, now, unblocked_);
    const Command& ended = context_.command(command);
    if (!std::holds_alternative<Exchange>(ended.work)) {  // no device's: counted by the platform
        const Device& device = context_.device_of(unit_);
        const std::vector<ActionId>& ids = context_.device_actions[context_.engine_of(unit_)];
        if (ended.layer.valid()) {
            device.count(ended, ids, context_.counts);
        } else {
            Command shared = ended;
            shared.layer = LayerId{context_.shared_row()};
            device.count(shared, ids, context_.counts);
        }
    }
    for (const UnitId unit : unblocked_) {
        context_.units[unit.index()]->wake();
    }
}

void ComputeUnit::check(const Command& command) const {
    PERFWATT_CHECK(
        !std::holds_alternative<Load>(command.work) && !std::holds_alternative<Store>(command.work),
        fmt::format("unit {} moves no data", name()));
}

void ComputeUnit::begin(CommandId id, Time now) {
    const Command& command = context_.command(id);
    check(command);
    const auto* exchange = std::get_if<Exchange>(&command.work);
    const Device& device = context_.device_of(unit_);
    duration_ = exchange != nullptr ? exchange->duration : device.duration(command);
    PERFWATT_CHECK(duration_ >= Time::zero(),
                   fmt::format("command {} takes less than no time", id.value));
    uses_.clear();
    device.bank_uses(command, uses_);
    start(id, now);
    context_.scratchpad_of(unit_).claim(now, unit_, duration_, uses_);
    running_ = id;
}

void ComputeUnit::act(Time now) {
    Scratchpad& scratchpad = context_.scratchpad_of(unit_);
    while (true) {
        if (!running_.valid()) {
            const CommandId head = ready_head();
            takes_commands_ = !head.valid();
            if (takes_commands_) {
                return;
            }
            begin(head, now);
        }
        // Others may have delayed the command since its end was last asked for.
        const Time until = scratchpad.end(unit_);
        if (until > now) {
            act_at(until);
            return;
        }
        const CommandId ended = running_;
        invariants::takes_its_duration(
            {.unit = name(),
             .taken = now - context_.schedule.times()[ended.index()].start,
             .duration = duration_,
             .bank_delay = scratchpad.delay(unit_)});
        scratchpad.release(unit_);
        running_ = CommandId{};
        end(ended, now);
    }
}

}  // namespace perfwatt
