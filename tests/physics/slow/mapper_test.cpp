#include <algorithm>
#include <numeric>

#include "tests/physics/laboratory.h"

namespace perfwatt::laboratory {
namespace {

/// One kernel small enough to try every way of cutting it.
struct Problem {
    std::string input, layer;
    std::int64_t p = 1, q = 1, k = 1, c = 1;
    std::int64_t scratchpad_kib = 4;
};

std::vector<Problem> small_problems() {
    return {
        {.input = "8, 6, 6",
         .layer = "conv: {filters: 16, kernel: 3, padding: 1}",
         .p = 6,
         .q = 6,
         .k = 16,
         .c = 8},
        {.input = "24, 40", .layer = "linear: {features: 48}", .p = 24, .q = 1, .k = 48, .c = 40},
        {.input = "32, 8, 8",
         .layer = "conv: {filters: 64, kernel: 1}",
         .p = 8,
         .q = 8,
         .k = 64,
         .c = 32},
        {.input = "1, 200", .layer = "linear: {features: 96}", .p = 1, .q = 1, .k = 96, .c = 200},
        {.input = "12, 10, 10",
         .layer = "conv: {filters: 24, kernel: 3, stride: 2, padding: 1}",
         .p = 5,
         .q = 5,
         .k = 24,
         .c = 12,
         .scratchpad_kib = 8},
    };
}

/// All different quotients of a number, rounded up.
std::vector<std::int64_t> quotients(std::int64_t total) {
    std::vector<std::int64_t> sizes;
    for (std::int64_t parts = 1; parts <= total; ++parts) {
        const std::int64_t size = (total + parts - 1) / parts;
        if (sizes.empty() || sizes.back() != size) sizes.push_back(size);
    }
    return sizes;
}

struct Cut {
    std::int64_t p = 1, q = 1, k = 1, c = 1;
    std::string order = "weights";
    int buffers = 2;
};

class MapperInTheLaboratory : public ::testing::Test {
  protected:
    RunRequest request(const Problem& problem) {
        ChipPlan chip;
        chip.rows = chip.columns = 8;
        chip.launch_ns = 0;
        chip.scratchpad_kib = problem.scratchpad_kib;
        const int n = files_++;
        RunRequest request{
            .chip = lab_.file(fmt::format("chip{}.yaml", n), chip_text(chip)),
            .workload = lab_.file(fmt::format("network{}.yaml", n),
                                  network_text(problem.input, fmt::format("  - {{name: one, {}}}\n",
                                                                          problem.layer)))};
        request.dump_after = {"map"};
        return request;
    }

    RunRequest with(const RunRequest& plain, const Cut& cut) {
        RunRequest request = plain;
        request.mapping_file = lab_.file(
            fmt::format("mapping{}.yaml", files_++),
            fmt::format("schema: perfwatt/mapping/v1\nkernels:\n  - kernel: one\n    mapping:\n"
                        "      order: {}\n      tile_p: {}\n      tile_q: {}\n      tile_k: {}\n"
                        "      tile_c: {}\n      split: none\n      buffers: {}\n",
                        cut.order, cut.p, cut.q, cut.k, cut.c, cut.buffers));
        return request;
    }

    static double cost_ns(const Answer& answer) {
        for (const auto& [pass, text] : answer.dumps) {
            const std::size_t at = text.find("cost_ns ");
            if (at != std::string::npos) return std::stod(text.substr(at + 8));
        }
        ADD_FAILURE() << "no cost in the dump";
        return 0;
    }

    Laboratory lab_;
    int files_ = 0;
};

std::vector<double> ranks(const std::vector<double>& values) {
    std::vector<std::size_t> order(values.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(),
              [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
    std::vector<double> rank(values.size());
    for (std::size_t i = 0; i < order.size();) {  // equal values share their mean rank
        std::size_t end = i;
        while (end < order.size() && values[order[end]] == values[order[i]]) ++end;
        for (std::size_t j = i; j < end; ++j) rank[order[j]] = static_cast<double>(i + end - 1) / 2;
        i = end;
    }
    return rank;
}

/// Spearman's coefficient.
double rank_correlation(const std::vector<double>& a, const std::vector<double>& b) {
    const std::vector<double> x = ranks(a);
    const std::vector<double> y = ranks(b);
    const double mean = static_cast<double>(x.size() - 1) / 2;
    double xy = 0, xx = 0, yy = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
        xy += (x[i] - mean) * (y[i] - mean);
        xx += (x[i] - mean) * (x[i] - mean);
        yy += (y[i] - mean) * (y[i] - mean);
    }
    return xy / std::sqrt(xx * yy);
}

TEST_F(MapperInTheLaboratory, IsWithinTwoPercentOfExhaustiveSearchInSimulatedTime) {
    for (const Problem& problem : small_problems()) {
        const RunRequest plain = request(problem);
        std::vector<RunRequest> all = {plain};
        for (const std::int64_t p : quotients(problem.p))
            for (const std::int64_t q : quotients(problem.q))
                for (const std::int64_t k : quotients(problem.k))
                    for (const std::int64_t c : quotients(problem.c))
                        for (const char* order : {"weights", "inputs"})
                            for (const int buffers : {1, 2}) {
                                // Parts of a row only of one row; small parts are no use.
                                if ((q < problem.q && p > 1) || k * 4 < problem.k ||
                                    c * 3 < problem.c)
                                    continue;
                                all.push_back(with(plain, {.p = p,
                                                           .q = q,
                                                           .k = k,
                                                           .c = c,
                                                           .order = order,
                                                           .buffers = buffers}));
                            }
        const std::vector<Answer> answers = lab_.run(all);
        ASSERT_TRUE(answers[0].ok()) << answers[0].reason;
        std::int64_t best = answers[0].latency_fs;
        int feasible = 0;
        for (const Answer& answer : answers) {
            if (!answer.ok()) continue;
            best = std::min(best, answer.latency_fs);
            ++feasible;
        }
        EXPECT_GT(feasible, 10) << problem.layer;
        EXPECT_LE(static_cast<double>(answers[0].latency_fs), 1.02 * static_cast<double>(best))
            << problem.layer << ", of " << feasible;
    }
}

TEST_F(MapperInTheLaboratory, CostRanksRandomMappingsAsTheSimulationDoes) {
    Dice dice(77);
    for (const Problem& problem : small_problems()) {
        const RunRequest plain = request(problem);
        std::vector<RunRequest> all;
        for (int i = 0; i < 200; ++i) {
            Cut cut{.p = dice.between(1, problem.p),
                    .q = problem.q,
                    .k = dice.between(1, problem.k),
                    .c = dice.between(1, problem.c),
                    .order = dice.one_of<std::string>({"weights", "inputs"}),
                    .buffers = static_cast<int>(dice.between(1, 2))};
            if (cut.p == 1) cut.q = dice.between(1, problem.q);
            all.push_back(with(plain, cut));
        }
        std::vector<double> costs;
        std::vector<double> times;
        for (const Answer& answer : lab_.run(all)) {
            if (!answer.ok()) continue;
            costs.push_back(cost_ns(answer));
            times.push_back(static_cast<double>(answer.latency_fs));
        }
        ASSERT_GT(costs.size(), 50u) << problem.layer;
        EXPECT_GE(rank_correlation(costs, times), 0.9) << problem.layer;
    }
}

}  // namespace
}  // namespace perfwatt::laboratory
