// Requests a second of the memory models: whole runs through MemoryModel, as the platform drives
// it, and trace replays; full counts, energies included.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <string>
#include <vector>

#include "models/dram/dram_memory.h"
#include "models/dram/dram_schema.h"
#include "models/dram/dram_stream.h"
#include "models/dram/trace_generator.h"
#include "models/dram/trace_replay.h"

namespace perfwatt::dram {
namespace {

constexpr const char* kMemories[] = {"ddr4_3200", "ddr5_4800", "lpddr4_3200", "lpddr5_6400",
                                     "gddr6_14",  "hbm2_2000", "hbm3_6400"};

DramSpec spec_of(const std::string& name, bool reference) {
    const ConfigPath path({PERFWATT_SOURCE_DIR});
    if (!reference) return load_spec(path, name).spec;
    return load_spec(path, PERFWATT_SOURCE_DIR "/tests/validation/dram/" + name + "_reference.yaml")
        .spec;
}

std::vector<TraceRequest> trace_of(const DramSpec& spec, const std::string& name) {
    TracePlan plan{
        .granularity_bytes = spec.organization.burst_bytes(),
        .capacity_bytes = spec.organization.capacity_bytes(),
        .conflict_stride_bytes = spec.organization.row_bytes() * spec.organization.total_banks()};
    if (name == "idle") {
        plan.kind = TraceKind::random_reads;
        plan.requests = 10'000;
        plan.gap_clocks = 800;
        plan.seed = 2;
    } else {
        plan.kind = *trace_kind_from(name);
    }
    TraceGenerator generator(plan);
    std::vector<TraceRequest> requests;
    for (TraceRequest request; generator.next(request);) requests.push_back(request);
    return requests;
}

void replay_trace(benchmark::State& state, const DramSpec& spec, const std::string& trace) {
    const std::vector<TraceRequest> requests = trace_of(spec, trace);
    for (auto _ : state) {
        std::size_t i = 0;
        const TraceSupply supply = [&](TraceRequest& request) {
            if (i == requests.size()) return false;
            request = requests[i++];
            return true;
        };
        benchmark::DoNotOptimize(replay(spec, supply, {.window = trace == "idle" ? 1 : 32}));
    }
    state.counters["requests/s"] = benchmark::Counter(
        static_cast<double>(requests.size()), benchmark::Counter::kIsIterationInvariantRate);
}

/// Sequential transfers of 4 KiB, eight under way.
template <class Memory>
void transfers(benchmark::State& state, const DramSpec& spec) {
    constexpr std::int64_t kBytes = 4096;
    constexpr std::uint64_t kCount = 4096;
    for (auto _ : state) {
        Memory memory(spec, {.name = "m", .channels = 1});
        std::vector<MemoryCompletion> completions;
        std::vector<Time> ends;
        Time now;
        std::uint64_t sent = 0;
        std::uint64_t done = 0;
        while (done < kCount) {
            for (; sent < kCount && sent - done < 8; ++sent) {
                memory.submit(now, {.address = static_cast<std::int64_t>(sent) * kBytes,
                                    .row_bytes = kBytes,
                                    .layer = 0,
                                    .id = sent});
            }
            now = memory.next_completion_bound();
            completions.clear();
            memory.advance(now, completions);
            for (const MemoryCompletion& completion : completions) {
                now = std::max(now, completion.at);
                ++done;
            }
        }
        memory.finish(now);
        benchmark::DoNotOptimize(memory.report());
    }
    state.counters["bursts/s"] = benchmark::Counter(
        static_cast<double>(kCount * kBytes /
                            static_cast<std::uint64_t>(spec.organization.burst_bytes())),
        benchmark::Counter::kIsIterationInvariantRate);
}

void register_all() {
    for (const std::string memory : kMemories) {
        const DramSpec spec = spec_of(memory, false);
        for (const std::string trace :
             {"seqR", "seqW", "mix21", "randR", "rowconf", "npu", "idle"}) {
            benchmark::RegisterBenchmark(
                ("replay/" + memory + "/" + trace).c_str(),
                [spec, trace](benchmark::State& state) { replay_trace(state, spec, trace); });
        }
        benchmark::RegisterBenchmark(("exact/" + memory).c_str(), [spec](benchmark::State& state) {
            transfers<DramMemory>(state, spec);
        });
        benchmark::RegisterBenchmark(("stream/" + memory).c_str(), [spec](benchmark::State& state) {
            transfers<DramStream>(state, spec);
        });
    }
    // As the other simulators of tests/validation/dram were run.
    for (const std::string memory : {"ddr4_3200", "lpddr4_3200", "hbm2_2000", "lpddr5_6400"}) {
        const DramSpec spec = spec_of(memory, true);
        for (const std::string trace : {"seqR", "randR", "rowconf", "npu", "idle"}) {
            benchmark::RegisterBenchmark(
                ("reference/" + memory + "/" + trace).c_str(),
                [spec, trace](benchmark::State& state) { replay_trace(state, spec, trace); });
        }
    }
}

}  // namespace
}  // namespace perfwatt::dram

int main(int argc, char** argv) {
    perfwatt::dram::register_all();
    benchmark::Initialize(&argc, argv);
    benchmark::RunSpecifiedBenchmarks();
    return 0;
}
