#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "sim/arch/registry.h"
#include "sim/config/config_path.h"
#include "sim/report/record.h"
#include "sim/run/builtin_memories.h"
#include "sim/run/run.h"
#include "sim/run/worker.h"

/// Chips and networks written to a folder of their own and simulated whole, each in a process.
namespace perfwatt::laboratory {

/// What became of one request.
struct Answer {
    OutcomeKind kind = OutcomeKind::ok;
    std::string reason;  ///< where it is not ok
    std::string json;    ///< the record, as `--format json` prints it
    std::int64_t latency_fs = 0;
    int commands = 0;
    std::string mapping;
    std::vector<std::pair<std::string, std::string>> dumps;
    Result result;

    [[nodiscard]] bool ok() const { return kind == OutcomeKind::ok; }
};

/// Fields of a worker's answer are told apart by a character that no record holds.
inline constexpr char kFieldEnd = '\x1e';

inline std::string packed(const RunOutput& output) {
    const auto fs = std::llround(output.result.latency_ns * 1e6);
    std::string text =
        fmt::format("{}{}{}{}{}{}{}{}", result_json(output.result), kFieldEnd, fs, kFieldEnd,
                    output.commands, kFieldEnd, output.mapping, kFieldEnd);
    for (const auto& [pass, dump] : output.dumps)
        text += fmt::format("{}{}{}{}", pass, kFieldEnd, dump, kFieldEnd);
    return text;
}

inline Answer unpacked(const Outcome& outcome) {
    Answer answer{.kind = outcome.kind};
    if (outcome.kind != OutcomeKind::ok) {
        answer.reason = outcome.text;
        return answer;
    }
    std::vector<std::string> fields;
    std::size_t at = 0;
    for (std::size_t end; (end = outcome.text.find(kFieldEnd, at)) != std::string::npos;
         at = end + 1)
        fields.push_back(outcome.text.substr(at, end - at));
    answer.json = fields.at(0);
    answer.latency_fs = std::stoll(fields.at(1));
    answer.commands = std::stoi(fields.at(2));
    answer.mapping = fields.at(3);
    for (std::size_t i = 4; i + 1 < fields.size(); i += 2)
        answer.dumps.emplace_back(fields[i], fields[i + 1]);
    answer.result = result_from_json(answer.json);
    return answer;
}

class Laboratory {
  public:
    Laboratory() {
        std::string pattern = (std::filesystem::temp_directory_path() / "perfwattXXXXXX").string();
        if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
        folder_ = pattern;
    }
    ~Laboratory() {
        std::error_code ignored;
        std::filesystem::remove_all(folder_, ignored);
    }
    Laboratory(const Laboratory&) = delete;
    Laboratory& operator=(const Laboratory&) = delete;

    /// Writes a file of this name and returns its path.
    std::string file(const std::string& name, const std::string& text) const {
        const std::string path = folder_ + "/" + name;
        std::ofstream(path) << text;
        return path;
    }

    [[nodiscard]] const Environment& environment() const { return environment_; }

    [[nodiscard]] std::vector<Answer> run(const std::vector<RunRequest>& requests,
                                          int jobs = available_processors()) const {
        std::vector<Work> work;
        for (const RunRequest& request : requests) work.push_back(simulate(request));
        std::vector<Answer> answers;
        for (const Outcome& outcome : run_in_workers(work, {.jobs = jobs}))
            answers.push_back(unpacked(outcome));
        return answers;
    }

    /// One that must succeed.
    [[nodiscard]] Answer run(const RunRequest& request) const {
        Answer answer = run(std::vector<RunRequest>{request}).front();
        EXPECT_TRUE(answer.ok()) << to_string(answer.kind) << ": " << answer.reason;
        return answer;
    }

  private:
    Work simulate(const RunRequest& request) const {
        return [this, request]() -> std::variant<std::string, Infeasible> {
            auto answer = perfwatt::run(request, environment_);
            if (auto* infeasible = std::get_if<Infeasible>(&answer)) return std::move(*infeasible);
            return packed(std::get<RunOutput>(answer));
        };
    }

    std::string folder_;
    ConfigPath configs_{{PERFWATT_SOURCE_DIR}};
    FamilyRegistry families_ = builtin_families();
    BuiltinMemories memories_{configs_};
    Environment environment_{.configs = configs_, .families = families_, .memories = memories_};
};

/// Random numbers that are the same on every machine (splitmix64, Steele et al., OOPSLA 2014).
class Dice {
  public:
    explicit Dice(std::uint64_t seed) : state_(seed) {}

    /// From `least` to `most`, both included.
    std::int64_t between(std::int64_t least, std::int64_t most) {
        return least +
               static_cast<std::int64_t>(next() % static_cast<std::uint64_t>(most - least + 1));
    }
    template <class T>
    T one_of(const std::vector<T>& these) {
        return these[static_cast<std::size_t>(
            between(0, static_cast<std::int64_t>(these.size()) - 1))];
    }

  private:
    std::uint64_t next() {
        std::uint64_t z = (state_ += 0x9E3779B97F4A7C15u);
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
        return z ^ (z >> 31);
    }

    std::uint64_t state_;
};

/// A memory without rows or refresh, whose rate is a round number: nothing that happens in it is
/// off by a rounded femtosecond.
struct FlatMemory {
    std::int64_t clock_mhz = 500;
    std::int64_t bytes_per_cycle = 40;
    std::int64_t latency_ns = 40;
    std::int64_t capacity_mb = 400;
};

inline std::string memory_text(const FlatMemory& memory) {
    return fmt::format(
        "schema: perfwatt/memory/v1\nstandard: SRAM\nnode: 12 nm\nvoltage: 0.8 V\n"
        "capacity: {} MB\nbanks: 1\ninterleave: {} B\nbytes_per_cycle: {} B\nclock: {} MHz\n"
        "latency: {} ns\n",
        memory.capacity_mb, memory.bytes_per_cycle, memory.bytes_per_cycle, memory.clock_mhz,
        memory.latency_ns);
}

/// An NPU derived from generic_edge_npu.
struct ChipPlan {
    std::int64_t clock_mhz = 500;
    std::int64_t launch_ns = 2000;
    std::int64_t host_gops = 8;
    std::int64_t cores = 1;
    std::int64_t rows = 16, columns = 16, depth = 1;
    std::string dataflow = "weight_stationary";
    std::string feeding = "systolic";
    std::string grouped = "block_diagonal";
    std::int64_t accumulator_kib = 16;
    std::int64_t lanes = 16;
    std::int64_t scratchpad_kib = 128;
    std::int64_t banks = 8;
    std::int64_t bank_bytes = 16;
    std::int64_t engines = 1;
    std::int64_t overhead_cycles = 8;
    std::string memory;  ///< file; empty: the LPDDR4X of generic_edge_npu
};

/// Its software looks at time alone: what is given up for less traffic would hide in the rules.
inline std::string chip_text(const ChipPlan& chip) {
    std::string text = fmt::format(
        "schema: perfwatt/chip/v1\nextends: generic_edge_npu\nname: plan\nlaunch: {} ns\n"
        "host: {{operations: {} GOPS, bandwidth: {} GB/s}}\n",
        chip.launch_ns, chip.host_gops, chip.host_gops);
    if (!chip.memory.empty())
        text += fmt::format(
            "memories:\n  - {{name: flat, standard: \"{}\", channels: 1, capacity: 400 MB, "
            "transaction: 4 KB, outstanding: 16}}\n",
            chip.memory);
    text += fmt::format(
        "npu:\n  cores: {}\n  clock: {} MHz\n  command_overhead_cycles: {}\n"
        "  traffic_band_percent: 0\n"
        "  matrix: {{rows: {}, columns: {}, depth: {}, dataflow: {}, feeding: {}, grouped: {}, "
        "accumulator_bytes: {} KiB}}\n"
        "  vector: {{lanes: {}}}\n"
        "  scratchpad: {{bytes: {} KiB, banks: {}, bytes_per_cycle_per_bank: {} B}}\n"
        "  dma: {{engines: {}}}\n",
        chip.cores, chip.clock_mhz, chip.overhead_cycles, chip.rows, chip.columns, chip.depth,
        chip.dataflow, chip.feeding, chip.grouped, chip.accumulator_kib, chip.lanes,
        chip.scratchpad_kib, chip.banks, chip.bank_bytes, chip.engines);
    return text;
}

inline ChipPlan random_chip(Dice& dice) {
    ChipPlan chip;
    chip.cores = dice.one_of<std::int64_t>({1, 1, 1, 2, 4});
    chip.rows = dice.one_of<std::int64_t>({4, 8, 12, 16, 32});
    chip.columns = dice.one_of<std::int64_t>({4, 8, 16, 24, 32});
    chip.dataflow =
        dice.one_of<std::string>({"weight_stationary", "output_stationary", "input_stationary"});
    chip.feeding = dice.one_of<std::string>({"systolic", "broadcast"});
    chip.grouped = dice.one_of<std::string>({"separate", "block_diagonal"});
    chip.accumulator_kib = dice.one_of<std::int64_t>({1, 4, 16});
    chip.lanes = dice.one_of<std::int64_t>({4, 16, 64});
    chip.scratchpad_kib = dice.one_of<std::int64_t>({32, 64, 128, 512});
    chip.banks = dice.one_of<std::int64_t>({2, 4, 8, 16});
    chip.bank_bytes = dice.one_of<std::int64_t>({8, 16, 64});
    chip.engines = dice.one_of<std::int64_t>({1, 1, 2});
    chip.overhead_cycles = dice.one_of<std::int64_t>({0, 8, 40});
    return chip;
}

inline std::string network_text(const std::string& input, const std::string& layers) {
    return fmt::format("schema: perfwatt/workload/v1\ninput: {{shape: [{}]}}\nlayers:\n{}", input,
                       layers);
}

inline std::string random_convolutions(Dice& dice, int layers) {
    std::string text;
    for (int i = 0; i < layers; ++i) {
        const std::int64_t kernel = dice.one_of<std::int64_t>({1, 3, 3, 5});
        if (dice.between(0, 3) == 0)
            text +=
                fmt::format("  - {{depthwise: {{kernel: {}, padding: {}}}}}\n", kernel, kernel / 2);
        else
            text += fmt::format(
                "  - {{conv: {{filters: {}, kernel: {}, stride: {}, padding: {}}}}}\n",
                dice.between(3, 40), kernel, dice.between(0, 3) == 0 ? 2 : 1, kernel / 2);
        if (dice.between(0, 1) == 0) text += "  - {activation: relu}\n";
    }
    return network_text(
        fmt::format("{}, {}, {}", dice.between(1, 12), dice.between(8, 24), dice.between(8, 24)),
        text);
}

inline std::string random_products(Dice& dice, int layers) {
    std::string text;
    for (int i = 0; i < layers; ++i) {
        text += fmt::format("  - {{linear: {{features: {}}}}}\n", dice.between(8, 200));
        if (dice.between(0, 2) == 0) text += "  - {norm: layer}\n";
        if (dice.between(0, 2) == 0) text += "  - {activation: gelu}\n";
    }
    return network_text(fmt::format("{}, {}", dice.between(1, 80), dice.between(8, 200)), text);
}

inline std::string random_residual(Dice& dice, int blocks) {
    const std::int64_t width = dice.between(4, 32);
    std::string text = fmt::format("  - {{conv: {{filters: {}, kernel: 3, padding: 1}}}}\n", width);
    for (int i = 0; i < blocks; ++i)
        text += fmt::format(
            "  - join: add\n    branches:\n      -\n"
            "        - {{conv: {{filters: {}, kernel: 1}}}}\n        - {{activation: relu}}\n"
            "        - {{conv: {{filters: {}, kernel: 3, padding: 1}}}}\n      - []\n"
            "  - {{activation: relu}}\n",
            dice.between(4, 32), width);
    text += "  - {pool: {kind: global_average}}\n  - {flatten: {}}\n  - {linear: {features: 10}}\n";
    return network_text(
        fmt::format("{}, {}, {}", dice.between(1, 8), dice.between(6, 20), dice.between(6, 20)),
        text);
}

struct TransformerPlan {
    std::string kind = "decoder";
    std::int64_t layers = 2;
    std::int64_t hidden = 32;
    std::int64_t heads = 2;
    std::int64_t ffn = 64;
    std::int64_t sequence = 16;
    std::string activation = "swiglu";
};

inline std::string transformer_text(const TransformerPlan& plan) {
    return fmt::format(
        "schema: perfwatt/workload/v1\ntransformer:\n  kind: {}\n  layers: {}\n  hidden: {}\n"
        "  heads: {}\n  ffn: {}\n  vocabulary: 128\n  activation: {}\n  norm: rmsnorm\n"
        "  positions: rotary\n  sequence: {}\n",
        plan.kind, plan.layers, plan.hidden, plan.heads, plan.ffn, plan.activation, plan.sequence);
}

inline std::string random_transformer(Dice& dice, int layers) {
    const std::int64_t heads = dice.one_of<std::int64_t>({1, 2, 4});
    return transformer_text({.kind = "decoder",
                             .layers = layers,
                             .hidden = heads * dice.one_of<std::int64_t>({8, 16, 24}),
                             .heads = heads,
                             .ffn = dice.between(16, 160),
                             .sequence = dice.between(1, 48),
                             .activation = dice.one_of<std::string>({"swiglu", "gelu"})});
}

/// One of the four kinds in turn, of `size` layers or blocks.
inline std::string random_network(Dice& dice, int size) {
    switch (dice.between(0, 3)) {
        case 0:
            return random_convolutions(dice, size);
        case 1:
            return random_products(dice, size);
        case 2:
            return random_residual(dice, size);
        default:
            return random_transformer(dice, size);
    }
}

}  // namespace perfwatt::laboratory
