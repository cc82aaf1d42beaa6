#pragma once

#include <tlm_utils/multi_passthrough_target_socket.h>

#include <systemc>
#include <tlm>
#include <tuple>
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
///   flight completes.
/// - It goes on to that moment itself, without the kernel, when nobody else could act before or at
///   it: answers to masters that take them early, and what those send in return, carry a delay. One
///   kernel event so serves many requests, and each many memory commands.
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
        Time latency;       ///< of all links, one way
        int in_flight = 0;  ///< requests of which nobody knows yet when they complete
        Time advanced_to;
        std::int64_t piece_bytes = 0;  ///< of the latest answer
        Time piece_time;               ///< that so many bytes take at the memory's peak
        Time settles;                  ///< when everything known to complete has done so
        [[nodiscard]] bool busy() const { return in_flight > 0 || settles > advanced_to; }
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

    /// In order of time. What comes is mostly due at once or last of all.
    class DueQueue {
      public:
        [[nodiscard]] bool empty() const { return size_ == 0; }
        [[nodiscard]] const Due& front() const { return ring_[begin_ & mask()]; }
        void pop() {
            ++begin_;
            --size_;
        }
        void push(const Due& due);

      private:
        [[nodiscard]] std::size_t mask() const { return ring_.size() - 1; }
        Due& at(std::size_t i) { return ring_[(begin_ + i) & mask()]; }

        std::vector<Due> ring_ = std::vector<Due>(64);  ///< a power of two
        std::size_t begin_ = 0;
        std::size_t size_ = 0;
    };

    tlm::tlm_sync_enum on_request(int socket_id, tlm::tlm_generic_payload& payload,
                                  tlm::tlm_phase& phase, sc_core::sc_time& delay);
    void on_event();
    void act(Time now);
    /// What is due at the local time; false when the kernel's time has to come there first.
    [[nodiscard]] bool serve(Time now);
    [[nodiscard]] bool answers(const Flight& flight) const;
    void move_on(std::size_t id, Time now);
    void cross_link(Flight& flight);
    void submit(std::size_t id);
    void answer(std::size_t id, Time now);
    void schedule(std::size_t id, Time at);
    /// Lets the models run until somebody could act: until `others`, or until the first thing due.
    void run_ahead(Time others);
    [[nodiscard]] Time common_limit(Time others) const;
    void advance(Memory& memory, Time limit);
    void wake_at(Time at, Time now);
    [[nodiscard]] Time next_due() const { return due_.empty() ? Time::max() : due_.front().at; }

    SimulationContext& context_;
    std::vector<Link> links_;
    std::vector<Memory> memories_;
    std::vector<Flight> flights_;
    std::vector<std::size_t> free_flights_;
    DueQueue due_;
    std::vector<MemoryCompletion> completions_;
    Time local_;  ///< the time that has been served: the kernel's, or later
    bool acting_ = false;
    bool masters_heard_ = false;  ///< an answer: they may have asked the kernel for something
    sc_core::sc_event event_;
};

}  // namespace perfwatt
