#include "sim/engine/pim_unit.h"

#include <fmt/format.h>

#include "sim/base/diagnostics.h"

namespace perfwatt {

PimUnit::PimUnit(const sc_core::sc_module_name& name, UnitId unit, SimulationContext& context)
    : UnitModule(name, unit, context), socket("socket") {
    socket.register_nb_transport_bw(this, &PimUnit::on_response);
}

void PimUnit::act(Time now) {
    if (running_.valid()) {
        return;
    }
    const CommandId head = ready_head();
    takes_commands_ = !head.valid();
    if (takes_commands_) {
        return;
    }
    const auto* tile = std::get_if<Contract>(&context_.command(head).work);
    PERFWATT_CHECK(tile != nullptr && tile->task >= 0,
                   fmt::format("command {} is nothing for units in a memory", head.value));
    const PimTask& task = context_.program.tasks[static_cast<std::size_t>(tile->task)];
    start(head, now);
    running_ = head;
    PiecePayload& payload = pool_.take();
    payload.set_command(tlm::TLM_READ_COMMAND);
    payload.set_address(0);
    payload.set_data_length(0);
    payload.set_streaming_width(0);
    payload.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
    PieceExtension& extension = payload.piece;
    extension = PieceExtension{};
    extension.memory = task.memory;
    extension.row_bytes = 0;
    extension.layer = context_.command(head).layer.value;
    extension.master = unit_.value;
    extension.sequence = sequence_++;
    extension.command = head;
    extension.job = &task.kernel;
    extension.head = now;
    tlm::tlm_phase phase = tlm::BEGIN_REQ;
    sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
    const tlm::tlm_sync_enum answer = socket->nb_transport_fw(payload, phase, delay);
    PERFWATT_CHECK(answer == tlm::TLM_UPDATED && phase == tlm::END_REQ, "a job was not accepted");
}

tlm::tlm_sync_enum PimUnit::on_response(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase,
                                        sc_core::sc_time& delay) {
    PERFWATT_CHECK(phase == tlm::BEGIN_RESP && delay == sc_core::SC_ZERO_TIME &&
                       payload.get_response_status() == tlm::TLM_OK_RESPONSE,
                   "an answer that no memory gives");
    static_cast<PiecePayload&>(payload).release();
    const CommandId ended = running_;
    running_ = CommandId{};
    takes_commands_ = true;
    const Time now = sim_now();
    end(ended, now);
    act(now);
    return tlm::TLM_COMPLETED;
}

}  // namespace perfwatt
