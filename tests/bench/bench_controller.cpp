// Requests a second through the memory system's SystemC module, as the platform's DMA engines send
// them: TLM payloads, full counts, energies included. SystemC has one simulation a process, so that
// each figure is the best of five processes. CPU time of simulating; the trace is made before. The
// peers' figures (peers.csv) are of another machine and of whole bursts, too.
#include <fmt/format.h>
#include <sys/wait.h>
#include <tlm_utils/simple_initiator_socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <systemc>
#include <tlm>
#include <vector>

#include "models/dram/dram_memory.h"
#include "models/dram/dram_schema.h"
#include "models/dram/trace_generator.h"
#include "sim/base/diagnostics.h"
#include "sim/engine/memory_system.h"
#include "sim/engine/unit_module.h"

namespace perfwatt {
namespace {

constexpr int kProcesses = 5;
constexpr std::size_t kWindow = 32;  ///< pieces under way at most
constexpr std::int64_t kPieceBytes = 1024;
constexpr std::int64_t kWindowBytes = 4 * kPieceBytes;

/// Nothing here asks it: the memory system's context refers to one.
class NoDevice final : public Device {
  public:
    std::vector<Unit> units() const override { return {}; }
    OnChipMemory on_chip() const override { return {}; }
    Peak peak(DataType, DataType) const override { return {}; }
    std::optional<Infeasible> refuses(const Kernel&) const override { return {}; }
    std::variant<MappingChoice, Infeasible> map(const MappingRequest&) const override {
        return Infeasible{"no device"};
    }
    std::variant<Time, Infeasible> cost(const MappingRequest&, const Mapping&) const override {
        return Infeasible{"no device"};
    }
    void emit(const MappingRequest&, const Mapping&, LayerId, ProgramBuilder&) const override {}
    Time duration(const Command&) const override { return {}; }
    std::vector<Action> actions() const override { return {}; }
    void count(const Command&, std::span<const ActionId>, Counts&) const override {}
    std::vector<StaticPower> static_power() const override { return {}; }
};

/// A run of bursts, one after the other.
struct Piece {
    Time not_before;
    std::int64_t address = 0;
    std::int64_t bytes = 0;
    bool write = false;
};

/// Sends pieces in order, at most `window` of them and kWindowBytes under way.
class Master final : public sc_core::sc_module {
  public:
    Master(const sc_core::sc_module_name& name, const std::vector<Piece>& pieces,
           std::size_t window)
        : sc_module(name), socket("socket"), pieces_(pieces), window_(window) {
        socket.register_nb_transport_bw(this, &Master::on_response);
        SC_HAS_PROCESS(Master);
        SC_METHOD(send);
    }

    tlm_utils::simple_initiator_socket<Master> socket;

    [[nodiscard]] std::size_t answered() const { return answered_; }

  private:
    void send() { send_at(sim_now()); }

    void send_at(Time now) {
        for (; sent_ < pieces_.size() && sent_ - answered_ < window_; ++sent_) {
            const Piece& piece = pieces_[sent_];
            if (under_way_ + piece.bytes > kWindowBytes) return;
            under_way_ += piece.bytes;
            PiecePayload& payload = pool_.take();
            payload.set_command(piece.write ? tlm::TLM_WRITE_COMMAND : tlm::TLM_READ_COMMAND);
            payload.set_address(static_cast<sc_dt::uint64>(piece.address));
            payload.set_data_length(static_cast<unsigned>(piece.bytes));
            payload.piece.memory = MemoryId{0};
            payload.piece.row_bytes = piece.bytes;
            payload.piece.layer = 0;
            payload.piece.sequence = sent_;
            payload.piece.head = std::max(now, piece.not_before);
            payload.piece.takes_early_answer = true;
            tlm::tlm_phase phase = tlm::BEGIN_REQ;
            sc_core::sc_time delay = to_sc_time(payload.piece.head - sim_now());
            (void)socket->nb_transport_fw(payload, phase, delay);
        }
    }

    tlm::tlm_sync_enum on_response(tlm::tlm_generic_payload& payload, tlm::tlm_phase&,
                                   sc_core::sc_time& delay) {
        under_way_ -= static_cast<std::int64_t>(payload.get_data_length());
        payload.release();
        ++answered_;
        send_at(sim_now() + Time{static_cast<std::int64_t>(delay.value())});
        return tlm::TLM_COMPLETED;
    }

    const std::vector<Piece>& pieces_;
    std::size_t window_;
    std::size_t sent_ = 0;
    std::size_t answered_ = 0;
    std::int64_t under_way_ = 0;  ///< bytes
    PiecePool pool_;
};

/// The trace's bursts, joined to pieces of at most `most_bytes` where they follow each other.
std::vector<Piece> pieces_of(const dram::DramSpec& spec, const std::string& trace,
                             std::int64_t most_bytes) {
    const dram::Organization& organization = spec.organization;
    dram::TracePlan plan{
        .requests = 200'000,
        .granularity_bytes = organization.burst_bytes(),
        .capacity_bytes = organization.capacity_bytes(),
        .conflict_stride_bytes = organization.row_bytes() * organization.total_banks()};
    if (trace == "idle") {
        plan.kind = dram::TraceKind::random_reads;
        plan.requests = 20'000;
        plan.gap_clocks = 800;
        plan.seed = 2;
    } else {
        plan.kind = dram::trace_kind_from(trace).value();
    }
    const Clock tick = spec.tick_clock();
    dram::TraceGenerator generator(plan);
    std::vector<Piece> pieces;
    for (dram::TraceRequest request; generator.next(request);) {
        const Time at = tick.cycles(request.cycle * spec.ticks_per_clock);
        if (!pieces.empty()) {
            Piece& last = pieces.back();
            if (last.address + last.bytes == request.address && last.write == request.write &&
                last.not_before == at && last.bytes < most_bytes) {
                last.bytes += plan.granularity_bytes;
                continue;
            }
        }
        pieces.push_back({at, request.address, plan.granularity_bytes, request.write});
    }
    return pieces;
}

double cpu_seconds() {
    timespec time{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

/// Bursts a second of CPU time.
double simulate_once(const dram::DramSpec& spec, const std::vector<Piece>& pieces,
                     std::size_t window) {
    sc_core::sc_set_time_resolution(1, sc_core::SC_FS);
    auto memory =
        std::make_unique<dram::DramMemory>(spec, dram::DramOptions{.name = "m", .channels = 1});
    dram::DramMemory& model = *memory;
    const std::vector<Action> actions = model.actions();
    std::vector<ActionId> ids;
    for (std::size_t i = 0; i < actions.size(); ++i) ids.push_back(ActionId{static_cast<int>(i)});
    const Program program;
    const NoDevice device;
    SimulationContext context{.program = program,
                              .devices = {&device},
                              .schedule = Schedule(program),
                              .counts = Counts(actions, 2),
                              .scratchpad_index = ScratchpadIndex(program.units)};
    std::vector<PlatformMemory> memories;
    memories.emplace_back();
    memories.back().attachment.name = std::string("m");
    memories.back().model = std::move(memory);
    MemorySystem system("system", context, {}, memories);
    Master master("master", pieces, window);
    master.socket.bind(system.socket);
    const double begin = cpu_seconds();
    sc_core::sc_start();
    if (context.failure) std::rethrow_exception(context.failure);
    const Time end = sim_now();
    model.finish(end);
    model.add_counts(context.counts, ids);
    const MemoryReport report = model.report();
    const double spent = cpu_seconds() - begin;
    PERFWATT_CHECK(master.answered() == pieces.size(), "requests are left without an answer");
    std::int64_t bytes = 0;
    for (const Piece& piece : pieces) bytes += piece.bytes;
    PERFWATT_CHECK(report.read_bytes + report.write_bytes == bytes, "bytes were lost");
    return static_cast<double>(bytes / spec.organization.burst_bytes()) / spent;
}

/// In a process of its own; 0 if that failed.
double in_process(const dram::DramSpec& spec, const std::vector<Piece>& pieces,
                  std::size_t window) {
    int ends[2];
    if (::pipe(ends) != 0) return 0;
    const pid_t child = ::fork();
    if (child == 0) {
        double rate = 0;
        try {
            rate = simulate_once(spec, pieces, window);
        } catch (const std::exception& error) {
            fmt::print(stderr, "{}\n", error.what());
        }
        const bool sent = ::write(ends[1], &rate, sizeof rate) == sizeof rate;
        ::_exit(sent && rate > 0 ? 0 : 1);
    }
    ::close(ends[1]);
    double rate = 0;
    if (::read(ends[0], &rate, sizeof rate) != sizeof rate) rate = 0;
    ::close(ends[0]);
    ::waitpid(child, nullptr, 0);
    return rate;
}

double best_of(const dram::DramSpec& spec, const std::string& trace, std::int64_t piece_bytes) {
    const std::vector<Piece> pieces = pieces_of(spec, trace, piece_bytes);
    const std::size_t window = trace == "idle" ? 1 : kWindow;
    double best = 0;
    for (int i = 0; i < kProcesses; ++i) {
        best = std::max(best, in_process(spec, pieces, window));
    }
    return best;
}

/// Requests a second of the fastest other simulator, by memory and trace.
std::map<std::pair<std::string, std::string>, double> best_peers() {
    std::ifstream file(PERFWATT_SOURCE_DIR "/tests/bench/peers.csv");
    std::map<std::pair<std::string, std::string>, double> best;
    std::string line;
    std::getline(file, line);
    while (std::getline(file, line)) {
        std::vector<std::string> fields;
        std::istringstream in(line);
        for (std::string field; std::getline(in, field, ',');) fields.push_back(field);
        PERFWATT_CHECK(fields.size() == 8, "a line of peers.csv has eight fields");
        double& fastest = best[{fields[0], fields[1]}];
        fastest = std::max(fastest, std::stod(fields[6]));
    }
    return best;
}

int measure(const std::vector<std::string>& memories) {
    const ConfigPath path({PERFWATT_SOURCE_DIR});
    const auto peers = best_peers();
    fmt::print("{:<14}{:<9}{:>22}{:>22}{:>22}\n", "memory", "trace", "M bursts/s, by burst",
               "in pieces of 1 KiB", "best peer");
    for (const std::string& memory : memories) {
        const dram::DramSpec spec = dram::load_spec(path, memory).spec;
        for (const char* trace : {"seqR", "seqW", "mix21", "randR", "rowconf", "npu", "idle"}) {
            const double by_burst = best_of(spec, trace, spec.organization.burst_bytes());
            const double by_piece = best_of(spec, trace, kPieceBytes);
            if (by_burst <= 0 || by_piece <= 0) return 1;
            const auto peer = peers.find({memory, trace});
            fmt::print("{:<14}{:<9}{:>22.2f}{:>22.2f}{:>22}\n", memory, trace, by_burst / 1e6,
                       by_piece / 1e6,
                       peer == peers.end() ? "-" : fmt::format("{:.2f}", peer->second / 1e6));
            std::fflush(stdout);
        }
    }
    return 0;
}

/// One simulation in this process, for profilers.
int simulate_here(const std::string& memory, const std::string& trace, std::int64_t piece_bytes) {
    const ConfigPath path({PERFWATT_SOURCE_DIR});
    const dram::DramSpec spec = dram::load_spec(path, memory).spec;
    const std::int64_t bytes = std::max(piece_bytes, spec.organization.burst_bytes());
    const double rate =
        simulate_once(spec, pieces_of(spec, trace, bytes), trace == "idle" ? 1 : kWindow);
    fmt::print("{} {}: {:.2f} M bursts/s\n", memory, trace, rate / 1e6);
    return 0;
}

}  // namespace
}  // namespace perfwatt

/// bench_controller [MEMORY...], or bench_controller once MEMORY TRACE [PIECE_BYTES]
int main(int argc, char** argv) {
    std::vector<std::string> memories(argv + 1, argv + argc);
    if (memories.empty()) {
        memories = {"ddr4_3200", "ddr5_4800", "lpddr4_3200", "lpddr5_6400",
                    "gddr6_14",  "hbm2_2000", "hbm3_6400"};
    }
    try {
        if (memories.size() >= 3 && memories[0] == "once") {
            return perfwatt::simulate_here(memories[1], memories[2],
                                           memories.size() > 3 ? std::stoll(memories[3]) : 0);
        }
        return perfwatt::measure(memories);
    } catch (const std::exception& error) {
        fmt::print(stderr, "{}\n", error.what());
        return 2;
    }
}
