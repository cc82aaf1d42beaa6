#pragma once

#include <tlm_utils/multi_passthrough_target_socket.h>

#include <queue>
#include <systemc>
#include <tlm>
#include <vector>

#include "sim/engine/account.h"
#include "sim/engine/memory_port.h"
#include "sim/engine/platform.h"
#include "sim/engine/simulation_context.h"

namespace perfwatt {

/// All memories and the links to them, behind one target socket. One process drives everything:
///
/// - It acts last at any moment: while other processes have something to do now, it steps back by a
///   delta cycle. What several masters send at one moment is therefore seen together, and served in
///   the order (time, master, sequence) whatever order the kernel ran them in.
/// - It lets the memory models run ahead to the next moment at which anybody could act: the next
///   event of the kernel, the next arrival on a link, or the first moment at which some request in
///   flight could complete. One kernel event serves many memory commands.
class MemorySystem final : public sc_core::sc_module {
  public:
    MemorySystem(const sc_core::sc_module_name& name, SimulationContext& context,
                 const std::vector<std::unique_ptr<LinkModel>>& links,
                 const std::vector<PlatformMemory>& memories);

    tlm_utils::multi_passthrough_target_socket<MemorySystem, 32, tlm::tlm_base_protocol_types, 0,
                                               sc_core::SC_ZERO_OR_MORE_BOUND>
        socket;

    struct Link {
        LinkModel* model = nullptr;
        std::vector<ActionId> actions;  ///< places in the counts; set by whoever made the counts
        LinkRecord record;
    };
    struct Memory {
        MemoryModel* model = nullptr;
        std::int64_t peak_bytes_per_second = 0;
        Time latency;  ///< of all links, one way
        MemoryRecord record;
    };
    [[nodiscard]] std::vector<Link>& links() { return links_; }
    [[nodiscard]] std::vector<Memory>& memories() { return memories_; }

  private:
    /// Where a piece is on its way; `links_done` counts links crossed.
    enum class Stage : std::uint8_t { to_memory, in_memory, to_master };
    struct Flight {
        tlm::tlm_generic_payload* payload = nullptr;
        const PieceExtension* piece = nullptr;
        std::size_t socket = 0;
        Direction direction = Direction::read;
        Stage stage = Stage::to_memory;
        std::size_t links_done = 0;
        Passage passage;  ///< of its data, where it stands
    };
    struct Due {
        Time at;
        int master = 0;
        std::uint64_t sequence = 0;
        std::size_t flight = 0;
        friend bool operator>(const Due& a, const Due& b) {
            return std::tie(a.at, a.master, a.sequence) > std::tie(b.at, b.master, b.sequence);
        }
    };

    tlm::tlm_sync_enum on_request(int socket_id, tlm::tlm_generic_payload& payload,
                                  tlm::tlm_phase& phase, sc_core::sc_time& delay);
    void on_event();
    void act(Time now);
    void move_on(std::size_t id, Time now);
    void cross_link(Flight& flight);
    void submit(std::size_t id, Time now);
    void answer(std::size_t id);
    void schedule(std::size_t id, Time at);
    /// Lets the models run until somebody else could act; asks to be woken when one could complete.
    void run_ahead(Time now);
    void advance_all(Time limit);
    [[nodiscard]] Time completion_bound() const;

    SimulationContext& context_;
    std::vector<Link> links_;
    std::vector<Memory> memories_;
    std::vector<Flight> flights_;
    std::vector<std::size_t> free_flights_;
    std::priority_queue<Due, std::vector<Due>, std::greater<>> due_;
    std::vector<MemoryCompletion> completions_;
    Time advanced_to_;
    bool acting_ = false;
    sc_core::sc_event event_;
};

}  // namespace perfwatt
