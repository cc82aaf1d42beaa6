#pragma once

#include <memory>
#include <systemc>
#include <tlm>
#include <vector>

#include "sim/arch/link_model.h"
#include "sim/program/program.h"

namespace perfwatt {

/// What a piece of a DMA transfer carries beyond TLM's generic payload. The payload's address,
/// length and command are set too; its data pointer is null, since no values are simulated.
struct PieceExtension : tlm::tlm_extension<PieceExtension> {
    MemoryId memory;
    std::int64_t row_bytes = 0;  ///< the payload's length is row_bytes x rows
    std::int64_t rows = 1;
    std::int64_t pitch_bytes = 0;
    int layer = -1;
    int master = 0;
    std::uint64_t sequence = 0;  ///< of the master's pieces; breaks ties
    CommandId command;
    /// The master takes the answer ahead of the kernel's time, with a delay, and does nothing then
    /// but ask for more: nobody else hears of it before that time.
    bool takes_early_answer = false;
    const PimKernel* job = nullptr;  ///< for units in the memory's banks; the piece has no bytes
    Buffer part;                     ///< of the scratchpad, that the piece fills or empties
    /// Write, at BEGIN_REQ: when its first datum stood at the master; its last one does at the time
    /// of the request. Read, at BEGIN_RESP: the same for data that arrive.
    Time head;

    tlm_extension_base* clone() const override { return new PieceExtension(*this); }
    void copy_from(const tlm_extension_base& other) override {
        *this = static_cast<const PieceExtension&>(other);
    }
    void free() override {}  // part of its payload
};

/// A payload with its extension, from a PiecePool.
class PiecePayload final : public tlm::tlm_generic_payload {
  public:
    explicit PiecePayload(tlm::tlm_mm_interface* pool) : tlm_generic_payload(pool) {
        set_extension(&piece);
    }
    ~PiecePayload() override { clear_extension(&piece); }
    PiecePayload(const PiecePayload&) = delete;
    PiecePayload& operator=(const PiecePayload&) = delete;

    PieceExtension piece;
};

/// Reuses payloads: as many exist as were ever in flight at once.
class PiecePool final : public tlm::tlm_mm_interface {
  public:
    [[nodiscard]] PiecePayload& take() {
        if (free_.empty()) {
            all_.push_back(std::make_unique<PiecePayload>(this));
            free_.push_back(all_.back().get());
        }
        PiecePayload& payload = *free_.back();
        free_.pop_back();
        payload.acquire();
        return payload;
    }
    void free(tlm::tlm_generic_payload* payload) override {
        free_.push_back(static_cast<PiecePayload*>(payload));
    }

  private:
    std::vector<std::unique_ptr<PiecePayload>> all_;
    std::vector<PiecePayload*> free_;
};

}  // namespace perfwatt
