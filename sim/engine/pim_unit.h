#pragma once

#include <tlm_utils/simple_initiator_socket.h>

#include <systemc>
#include <tlm>

#include "sim/engine/memory_port.h"
#include "sim/engine/unit_module.h"

namespace perfwatt {

/// Hands contractions over to units in a memory's banks, one at a time: a job is a request without
/// bytes, whose answer comes when the memory has done it.
class PimUnit final : public UnitModule {
  public:
    PimUnit(const sc_core::sc_module_name& name, UnitId unit, SimulationContext& context);

    tlm_utils::simple_initiator_socket<PimUnit> socket;

  private:
    void act(Time now) override;
    tlm::tlm_sync_enum on_response(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase,
                                   sc_core::sc_time& delay);

    PiecePool pool_;
    CommandId running_;
    std::uint64_t sequence_ = 0;
};

}  // namespace perfwatt
