#pragma once

#include <systemc>
#include <vector>

#include "sim/engine/simulation_context.h"

namespace perfwatt {

[[nodiscard]] inline Time sim_now() {
    return {static_cast<std::int64_t>(sc_core::sc_time_stamp().value())};
}
/// The kernel's resolution is one femtosecond.
[[nodiscard]] inline sc_core::sc_time to_sc_time(Time span) {
    return sc_core::sc_time::from_value(static_cast<sc_dt::uint64>(span.fs));
}

/// An execution unit: takes its commands in program order as they become ready. A leaf says in
/// act() what it does when something happened; one event drives it.
class UnitModule : public sc_core::sc_module {
  public:
    UnitModule(const sc_core::sc_module_name& name, UnitId unit, SimulationContext& context);

    /// The head of the unit's queue became ready: act, later at this very time.
    void wake() {
        if (takes_commands_) {
            event_.notify(sc_core::SC_ZERO_TIME);
        }
    }

  protected:
    /// Called after wake() and at times asked for with act_at(). Each call replaces what was asked
    /// for before, so whoever waits for a time asks again.
    virtual void act(Time now) = 0;
    /// Of several times asked for since the last act(), the earliest counts.
    void act_at(Time at);

    [[nodiscard]] CommandId ready_head() const { return context_.schedule.ready_head(unit_); }
    void start(CommandId command, Time now) { context_.schedule.start(command, now); }
    /// Ends a command: counts it and wakes the units that waited for it.
    void end(CommandId command, Time now);

    const UnitId unit_;
    SimulationContext& context_;
    /// False while the unit could not take a command, so that waking it would be for nothing.
    bool takes_commands_ = true;

  private:
    void start_of_simulation() override;
    void on_event();

    sc_core::sc_event event_;
    std::vector<UnitId> unblocked_;
};

/// A unit that does one command at a time, in Device::duration() plus waits for scratchpad banks.
class ComputeUnit : public UnitModule {
  public:
    using UnitModule::UnitModule;

  protected:
    void act(Time now) override;
    /// PERFWATT_CHECKs that the unit is made for such a command; the engine's own takes any but
    /// loads and stores.
    virtual void check(const Command& command) const;

  private:
    void begin(CommandId command, Time now);

    CommandId running_;
    Time duration_;  ///< of the running command, without waits
    std::vector<BankUse> uses_;
};

}  // namespace perfwatt
