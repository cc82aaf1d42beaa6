#pragma once

#include <tlm_utils/simple_initiator_socket.h>

#include <optional>
#include <queue>
#include <systemc>
#include <tlm>
#include <vector>

#include "sim/arch/chip_spec.h"
#include "sim/engine/busy_curve.h"
#include "sim/engine/memory_port.h"
#include "sim/engine/pieces.h"
#include "sim/engine/unit_module.h"

namespace perfwatt {

/// A DMA engine: cuts loads and stores into pieces and keeps up to `outstanding` of them in flight
/// to each memory. A command starts when the one before it has sent its last piece, so that several
/// may be in flight.
///
/// Speaks the approximately timed protocol of TLM-2.0 in two phases: BEGIN_REQ forward, accepted at
/// once; BEGIN_RESP backward when the piece is done, answered with TLM_COMPLETED.
class DmaEngine final : public UnitModule {
  public:
    DmaEngine(const sc_core::sc_module_name& name, UnitId unit, SimulationContext& context,
              const std::vector<MemoryAttachment>& memories);

    /// When its port to the scratchpad moved data.
    [[nodiscard]] const BusyCurve& port_busy() const { return port_busy_; }

    tlm_utils::simple_initiator_socket<DmaEngine> socket;

  private:
    struct Current {  ///< the command whose pieces are being sent
        CommandId command;
        Region region;
        Buffer buffer;
        bool is_read = true;
        Time first_request;
        PieceCutter cutter;
    };
    struct Landing {  ///< a piece that has arrived and waits for port or bank
        Time at;
        PiecePayload* payload = nullptr;
        friend bool operator>(const Landing& a, const Landing& b) {
            return std::pair(a.at, a.payload->piece.sequence) >
                   std::pair(b.at, b.payload->piece.sequence);
        }
    };

    void act(Time now) override;
    bool take_command(Time now);
    void send_pieces(Time now);
    void send(Time now, const Piece& piece);
    /// Passes `bytes` through the engine's port, first come first served.
    Passage through_port(Passage at, std::int64_t bytes);
    void complete(PiecePayload& payload, Time now);
    tlm::tlm_sync_enum on_response(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase,
                                   sc_core::sc_time& delay);

    const std::vector<MemoryAttachment>& memories_;
    DmaPort port_;
    Time port_free_;
    BusyCurve port_busy_;
    PiecePool pool_;
    std::optional<Current> current_;
    std::vector<int> in_flight_;             ///< pieces, by memory
    std::vector<std::int32_t> pieces_left_;  ///< in flight or not sent, by command
    std::priority_queue<Landing, std::vector<Landing>, std::greater<>> landings_;
    std::uint64_t sequence_ = 0;
};

}  // namespace perfwatt
