#include <algorithm>
#include <numeric>

#include "models/link/link_channel.h"
#include "sim/engine/platform.h"
#include "sim/graph/canonical_order.h"
#include "sim/run/record.h"
#include "sim/run/step.h"
#include "sim/run/unfold.h"
#include "tests/physics/laboratory.h"

namespace perfwatt::laboratory {
namespace {

/// The same network with its nodes and tensors in another order and under other names.
Graph shuffled(const Graph& graph, Dice& dice) {
    const auto permutation = [&](std::size_t n) {
        std::vector<std::size_t> order(n);
        std::iota(order.begin(), order.end(), std::size_t{0});
        for (std::size_t i = n; i > 1; --i)
            std::swap(order[i - 1],
                      order[static_cast<std::size_t>(dice.between(0, static_cast<int>(i) - 1))]);
        return order;
    };
    Graph other;
    other.name = "another name";
    const std::vector<std::size_t> tensors = permutation(graph.tensors.size());
    other.tensors.resize(graph.tensors.size());
    for (std::size_t i = 0; i < tensors.size(); ++i) {
        other.tensors[tensors[i]] = graph.tensors[i];
        other.tensors[tensors[i]].name = fmt::format("t{}", dice.between(0, 1 << 30));
    }
    const auto moved = [&](std::vector<TensorId> ids) {
        for (TensorId& id : ids)
            if (id.valid()) id = TensorId{static_cast<std::int32_t>(tensors[id.index()])};
        return ids;
    };
    for (const std::size_t i : permutation(graph.nodes.size())) {
        Node node = graph.nodes[i];
        node.name = fmt::format("n{}", dice.between(0, 1 << 30));
        node.inputs = moved(node.inputs);
        node.outputs = moved(node.outputs);
        other.nodes.push_back(std::move(node));
    }
    other.inputs = moved(graph.inputs);
    other.outputs = moved(graph.outputs);
    return other;
}

/// As run(), from a graph in place of a network's file. The record, without names.
std::string record_without_names(const RunRequest& request, const Environment& environment,
                                 Graph graph) {
    PreparedStep step = prepare_step(request, environment);
    auto answer = compile(std::move(graph), step.target, step.options);
    const Compiled& compiled = std::get<Compiled>(answer);
    const ChipSpec& chip = step.chip.spec;
    PlatformSetup setup{.program = &compiled.program,
                        .device = chip.device.get(),
                        .links = link::make_links(chip.links),
                        .memories = {},
                        .launch = chip.launch,
                        .host = chip.host};
    for (const MemoryAttachment& memory : chip.memories)
        setup.memories.push_back(
            {.attachment = memory,
             .model = environment.memories.make(memory, request.memory_timing)});
    PlatformResult simulated = simulate(std::move(setup));
    const std::vector<LightenPass> no_passes;
    const std::vector<Time> answered{simulated.end};
    Result result = make_record({.request = request,
                                 .chip = chip,
                                 .memories = step.chip.memories,
                                 .compiled = compiled,
                                 .precision = step.precision,
                                 .context = 0,
                                 .workload_hash = "",
                                 .passes = no_passes,
                                 .answered = answered},
                                unfold(compiled, std::move(simulated)));
    for (LayerResult& layer : result.layers) layer.name.clear();
    return result_json(result);
}

class Sameness : public ::testing::Test {
  protected:
    RunRequest request(const std::string& chip, const std::string& network) {
        const int n = files_++;
        return {.chip = lab_.file(fmt::format("chip{}.yaml", n), chip),
                .workload = lab_.file(fmt::format("network{}.yaml", n), network)};
    }

    /// A random chip with the DRAM of generic_edge_npu and a random network that it can run.
    RunRequest random_request(std::uint64_t seed) {
        Dice dice(seed);
        ChipPlan chip = random_chip(dice);
        chip.scratchpad_kib = 512;
        return request(chip_text(chip), random_network(dice, 3));
    }

    Laboratory lab_;
    int files_ = 0;
};

TEST_F(Sameness, NamesAndOrderOfNodesMeanNothing) {
    std::vector<Work> work;
    constexpr std::uint64_t kCases = 8;
    for (std::uint64_t i = 0; i < kCases; ++i) {
        const RunRequest one = random_request(7000 + i);
        for (const bool shuffle : {false, true})
            work.push_back([this, one, shuffle, i]() -> std::variant<std::string, Infeasible> {
                Graph graph = prepare_step(one, lab_.environment()).workload.graph;
                Dice dice(i);
                if (shuffle) graph = canonical_order(shuffled(graph, dice));
                return record_without_names(one, lab_.environment(), std::move(graph));
            });
    }
    const std::vector<Outcome> outcomes = run_in_workers(work, {.jobs = available_processors()});
    for (std::size_t i = 0; i < outcomes.size(); i += 2) {
        ASSERT_EQ(outcomes[i].kind, OutcomeKind::ok) << outcomes[i].text;
        EXPECT_EQ(outcomes[i].text, outcomes[i + 1].text);
    }
}

TEST_F(Sameness, SameInputSameBytesWithAnyNumberOfWorkers) {
    std::vector<RunRequest> requests;
    for (std::uint64_t i = 0; i < 6; ++i) requests.push_back(random_request(8000 + i));
    const std::vector<Answer> alone = lab_.run(requests, 1);
    const std::vector<Answer> again = lab_.run(requests, 1);
    const std::vector<Answer> together = lab_.run(requests, 2);
    for (std::size_t i = 0; i < requests.size(); ++i) {
        ASSERT_TRUE(alone[i].ok()) << alone[i].reason;
        EXPECT_EQ(alone[i].json, again[i].json);
        EXPECT_EQ(alone[i].json, together[i].json);
    }
}

TEST_F(Sameness, DumpedMappingsReplayToTheIdenticalRecord) {
    std::vector<RunRequest> searched;
    for (std::uint64_t i = 0; i < 10; ++i) {
        searched.push_back(random_request(9000 + i));
        searched.back().want_mapping = true;
    }
    const std::vector<Answer> found = lab_.run(searched);
    std::vector<RunRequest> replayed = searched;
    for (std::size_t i = 0; i < searched.size(); ++i) {
        ASSERT_TRUE(found[i].ok()) << found[i].reason;
        replayed[i].mapping_file = lab_.file(fmt::format("mapping{}.yaml", i), found[i].mapping);
        replayed[i].mapping_effort = 1;  // whatever is searched for would be found out
    }
    const std::vector<Answer> again = lab_.run(replayed);
    for (std::size_t i = 0; i < searched.size(); ++i) {
        ASSERT_TRUE(again[i].ok()) << again[i].reason;
        EXPECT_EQ(again[i].json, found[i].json);
        EXPECT_EQ(again[i].mapping, found[i].mapping);
    }
}

// --- identical blocks simulated once

constexpr std::int64_t kRefreshNs = 280;  ///< tRFC of all banks of the LPDDR4X in use

class Folding : public Sameness {
  protected:
    std::pair<Answer, Answer> folded_and_whole(RunRequest request) {
        RunRequest whole = request;
        whole.fold_layers = false;
        std::vector<Answer> answers = lab_.run({request, whole});
        for (const Answer& answer : answers) EXPECT_TRUE(answer.ok()) << answer.reason;
        return {std::move(answers[0]), std::move(answers[1])};
    }

    static void expect_equal_work(const Result& folded, const Result& whole) {
        EXPECT_EQ(folded.macs, whole.macs);
        EXPECT_EQ(folded.executed_macs, whole.executed_macs);
        EXPECT_EQ(folded.bound_ns, whole.bound_ns);
        ASSERT_EQ(folded.layers.size(), whole.layers.size());
        for (std::size_t i = 0; i < whole.layers.size(); ++i) {
            EXPECT_EQ(folded.layers[i].macs, whole.layers[i].macs) << "layer " << i;
            EXPECT_EQ(folded.layers[i].read_bytes, whole.layers[i].read_bytes) << "layer " << i;
            EXPECT_EQ(folded.layers[i].write_bytes, whole.layers[i].write_bytes) << "layer " << i;
        }
        ASSERT_EQ(folded.memories.size(), whole.memories.size());
        for (std::size_t i = 0; i < whole.memories.size(); ++i) {
            EXPECT_EQ(folded.memories[i].read_bytes, whole.memories[i].read_bytes);
            EXPECT_EQ(folded.memories[i].write_bytes, whole.memories[i].write_bytes);
            for (std::size_t c = 0; c < whole.memories[i].commands.size(); ++c) {
                const std::string& name = whole.memories[i].commands[c].name;
                if (!name.starts_with("RD") && !name.starts_with("WR")) continue;
                EXPECT_EQ(folded.memories[i].commands[c].count, whole.memories[i].commands[c].count)
                    << name;
            }
        }
    }
};

TEST_F(Folding, WithoutRefreshTimeDiffersByLessThanACycleALayer) {
    // Weights that stay on the chip lie in other banks in each block: a cycle, now and then.
    constexpr double kCycleNs = 2;
    ChipPlan chip;
    // Accesses of 64 bytes: tensors, which lie at multiples of 4 KiB, all begin with a whole one.
    chip.memory = lab_.file("memory.yaml", memory_text({.bytes_per_cycle = 64}));
    for (const char* phase : {"prefill", "decode"}) {
        RunRequest one = request(chip_text(chip), transformer_text({.layers = 12}));
        one.phase = phase;
        const auto [folded, whole] = folded_and_whole(one);
        expect_equal_work(folded.result, whole.result);
        EXPECT_NEAR(folded.result.latency_ns, whole.result.latency_ns,
                    kCycleNs * static_cast<double>(whole.result.layers.size()));
        EXPECT_NEAR(folded.result.energy_pj, whole.result.energy_pj, 1e-3 * whole.result.energy_pj);
        for (std::size_t i = 0; i < whole.result.layers.size(); ++i)
            EXPECT_NEAR(folded.result.layers[i].end_ns, whole.result.layers[i].end_ns,
                        kCycleNs * static_cast<double>(i + 1));
    }
}

TEST_F(Folding, WithRefreshTimeDiffersByLessThanOneRefreshALayer) {
    for (const char* phase : {"prefill", "decode"}) {
        RunRequest one =
            request(chip_text({.rows = 32, .columns = 32}),
                    transformer_text({.layers = 12, .hidden = 128, .heads = 4, .ffn = 256}));
        one.phase = phase;
        const auto [folded, whole] = folded_and_whole(one);
        expect_equal_work(folded.result, whole.result);
        EXPECT_NEAR(
            folded.result.latency_ns, whole.result.latency_ns,
            static_cast<double>(kRefreshNs) * static_cast<double>(whole.result.layers.size()));
        EXPECT_NEAR(folded.result.energy_pj, whole.result.energy_pj, 0.01 * whole.result.energy_pj);
        const auto count = [](const Result& run, std::string_view name) {
            std::int64_t sum = 0;
            for (const MemoryResult::Command& command : run.memories[0].commands)
                if (command.name.starts_with(name)) sum += command.count;
            return static_cast<double>(sum);
        };
        EXPECT_NEAR(count(folded.result, "ACT"), count(whole.result, "ACT"),
                    0.03 * count(whole.result, "ACT"));
        // A refresh that falls on another layer finds other rows open: one command closes them.
        EXPECT_NEAR(count(folded.result, "PRE"), count(whole.result, "PRE"),
                    count(whole.result, "REF"));
    }
}

// --- engines that share a memory

TEST_F(Sameness, CoresThatShareAChannelTakeLongerThanOneAlone) {
    // A product of one row moves its weights and does little else. Two cores move half of them each
    // over the one channel; a single core with half as many columns does what one of them does.
    ChipPlan chip;
    chip.memory = lab_.file("memory.yaml", memory_text({.bytes_per_cycle = 8}));
    chip.cores = 2;
    RunRequest both = request(
        chip_text(chip), network_text("1, 512", "  - {linear: {features: 1024, bias: false}}\n"));
    chip.cores = 1;
    RunRequest alone = request(
        chip_text(chip), network_text("1, 512", "  - {linear: {features: 512, bias: false}}\n"));
    for (RunRequest* one : {&both, &alone}) {
        one->start = "cold";
        one->overrides = {"npu.scratchpad.bytes=64 KiB"};  // the weights cannot stay
    }
    const std::vector<Answer> answers = lab_.run({both, alone});
    ASSERT_TRUE(answers[0].ok() && answers[1].ok()) << answers[0].reason << answers[1].reason;
    const double launch = 2000;
    const double shared = answers[0].result.latency_ns - launch;
    const double single = answers[1].result.latency_ns - launch;
    // 4 GB/s: 512 x 1024 bytes take 131.1 us, half of them 65.5 us.
    EXPECT_GE(shared, 131'072);
    EXPECT_GE(single, 65'536);
    EXPECT_GT(shared, 1.8 * single);
}

}  // namespace
}  // namespace perfwatt::laboratory
