// Answers given ahead of the kernel's time carry the times they would have had at their time.
#include <gtest/gtest.h>
#include <tlm_utils/simple_initiator_socket.h>

#include <random>

#include "models/dram/dram_memory.h"
#include "models/dram/dram_schema.h"
#include "sim/engine/memory_system.h"
#include "sim/engine/unit_module.h"
#include "tests/systemc/child.h"
#include "tests/systemc/test_platform.h"

namespace perfwatt {
namespace {

using namespace testing_support;

/// Sends random requests to two memories, a dozen under way, and keeps when they were answered.
class Asker final : public sc_core::sc_module {
  public:
    Asker(const sc_core::sc_module_name& name, int master, bool early)
        : sc_module(name),
          socket("socket"),
          master_(master),
          early_(early),
          random_(static_cast<std::uint64_t>(master)) {
        socket.register_nb_transport_bw(this, &Asker::on_response);
        SC_HAS_PROCESS(Asker);
        SC_METHOD(begin);
    }

    tlm_utils::simple_initiator_socket<Asker> socket;
    std::vector<std::int64_t> answers;  ///< sequence number and time of each

  private:
    void begin() { send(sim_now()); }

    void send(Time now) {
        for (; sent_ < 400 && sent_ - answers.size() / 2 < 12; ++sent_) {
            PiecePayload& payload = pool_.take();
            const bool write = random_() % 3 == 0;
            const auto bytes = static_cast<std::int64_t>(random_() % 500 + 1);
            payload.set_command(write ? tlm::TLM_WRITE_COMMAND : tlm::TLM_READ_COMMAND);
            payload.set_address(random_() % 100'000 * 64);
            payload.set_data_length(static_cast<unsigned>(bytes));
            payload.piece.memory = MemoryId{static_cast<int>(random_() % 8 == 0)};
            payload.piece.row_bytes = bytes;
            payload.piece.layer = 0;
            payload.piece.master = master_;
            payload.piece.sequence = sent_;
            const Time pause{
                random_() % 10 == 0 ? static_cast<std::int64_t>(random_() % 900'000'000) : 0};
            payload.piece.head = now + pause;
            payload.piece.takes_early_answer = early_;
            tlm::tlm_phase phase = tlm::BEGIN_REQ;
            sc_core::sc_time delay = to_sc_time(payload.piece.head - sim_now());
            (void)socket->nb_transport_fw(payload, phase, delay);
        }
    }

    tlm::tlm_sync_enum on_response(tlm::tlm_generic_payload& payload, tlm::tlm_phase&,
                                   sc_core::sc_time& delay) {
        const Time now = sim_now() + Time{static_cast<std::int64_t>(delay.value())};
        early_answers += delay > sc_core::SC_ZERO_TIME ? 1 : 0;
        answers.push_back(
            static_cast<std::int64_t>(payload.get_extension<PieceExtension>()->sequence));
        answers.push_back(now.fs);
        payload.release();
        send(now);
        return tlm::TLM_COMPLETED;
    }

    const int master_;
    const bool early_;
    std::mt19937_64 random_;
    std::size_t sent_ = 0;
    PiecePool pool_;

  public:
    std::int64_t early_answers = 0;
};

/// The answers of two masters, and at last how many came early.
std::vector<std::int64_t> answers(bool first_early, bool second_early) {
    return in_child([&] {
        sc_core::sc_set_time_resolution(1, sc_core::SC_FS);
        std::vector<PlatformMemory> memories;
        std::vector<Action> actions;
        for (const char* name : {"lpddr4x_4266", "ddr4_3200"}) {
            PlatformMemory memory;
            memory.attachment.name = name;
            memory.model = std::make_unique<dram::DramMemory>(
                dram::load_spec(ConfigPath({PERFWATT_SOURCE_DIR}), name).spec,
                dram::DramOptions{.name = name, .channels = 2});
            memories.push_back(std::move(memory));
        }
        const Program program;
        SimulationContext context{.program = program,
                                  .schedule = Schedule(program),
                                  .counts = Counts(actions, 2),
                                  .scratchpad_index = ScratchpadIndex(program.units)};
        MemorySystem system("system", context, {}, memories);
        Asker first("first", 1, first_early);
        Asker second("second", 2, second_early);
        first.socket.bind(system.socket);
        second.socket.bind(system.socket);
        sc_core::sc_start();
        if (context.failure) std::rethrow_exception(context.failure);
        std::vector<std::int64_t> all = first.answers;
        all.insert(all.end(), second.answers.begin(), second.answers.end());
        all.push_back(sim_now().fs);
        all.push_back(first.early_answers + second.early_answers);
        return all;
    });
}

TEST(EarlyAnswers, CarryTheTimesOfPunctualOnes) {
    std::vector<std::int64_t> punctual = answers(false, false);
    EXPECT_EQ(punctual.size(), 2U * 2 * 400 + 2);
    EXPECT_EQ(punctual.back(), 0);
    punctual.pop_back();
    for (const bool both : {false, true}) {
        std::vector<std::int64_t> early = answers(true, both);
        EXPECT_GT(early.back(), both ? 700 : 100);
        early.pop_back();
        EXPECT_EQ(early, punctual);
    }
}

}  // namespace
}  // namespace perfwatt
