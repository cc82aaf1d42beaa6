#include "models/gpu/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "sim/base/diagnostics.h"
#include "sim/base/math.h"

namespace perfwatt::gpu {
namespace {

/// Loads of a piece take about this long: shorter pieces are more commands for the same answer.
constexpr Time kPiece{500'000'000};  // 0.5 us
constexpr std::int64_t kMostPieces = 32;
/// Fewer waves than this are cut along the reduction.
constexpr double kFewWaves = 4;
Time part(Time whole, std::int64_t parts) { return {whole.fs / parts}; }

/// Two stations that `customers` go round between, each of which takes so long for all of them: the
/// slower one's time, and what it waits because the others are all at the faster one (exponential
/// services; M/M/1/K seen from its full end).
Time side_by_side(Time one, Time other, double customers) {
    const Time slower = std::max(one, other);
    if (slower == Time::zero()) return slower;
    const double load =
        static_cast<double>(std::min(one, other).fs) / static_cast<double>(slower.fs);
    constexpr double kAlike = 0.9999;
    const double longer =
        load > kAlike ? (customers + 1) / customers
                      : (1 - std::pow(load, customers + 1)) / (1 - std::pow(load, customers));
    return {static_cast<std::int64_t>(static_cast<double>(slower.fs) * longer)};
}

/// Blocks' time without what the launch has of it.
Time matrix_time(const GpuSpec& spec, const Plan& plan, const BlockTiming& blocks) {
    const Time matrix = gpu::time_of(spec, blocks.cycles);
    return matrix - std::min(matrix, plan.filling);
}

/// What loads, blocks and stores take beyond the longest of them. Loads run ahead by the slices in
/// flight on an SM; results of a round leave the L2 while the next round works.
Time stall_of(const GpuSpec& spec, const std::vector<MemoryPort>& memories, const Plan& plan,
              const BlockTiming& blocks) {
    const Time loads = transfer_time(plan.loads, memories, spec.memory_efficiency);
    const Time stores = transfer_time(plan.stores, memories, spec.memory_efficiency);
    const Time matrix = matrix_time(spec, plan, blocks);
    const double on_sm =
        std::clamp(static_cast<double>(plan.blocks->blocks) / static_cast<double>(spec.sms), 1.0,
                   static_cast<double>(blocks.resident));
    const double writing = on_sm + 1;
    Time both = side_by_side(loads, matrix, static_cast<double>(spec.library.stages) * on_sm);
    // Sums of a split reduction are written by who comes last.
    if (!plan.last) both = side_by_side(both, stores, writing);
    const Time longest = std::max(matrix, loads + stores);
    return std::max(both, longest) - longest;
}

/// What pieces do between loads and stores.
class Worker {
  public:
    Worker(const GpuSpec& spec, const Plan& plan, CommandId launch, LayerId layer,
           ProgramBuilder& program)
        : spec_(spec), plan_(plan), launch_(launch), layer_(layer), program_(program) {
        for (std::int64_t i = 0; plan_.blocks && i < plan_.chunks; ++i) {
            const Contract tile = part_of_blocks(spec_, plan_, i);
            all_ += tile.m * tile.n * tile.k * tile.repeat;
        }
    }

    void work(std::int64_t i, Buffer input, Buffer output) {
        if (plan_.blocks) {
            Contract tile = part_of_blocks(spec_, plan_, i);
            // Useful work is shared as the blocks are: no piece has more than its blocks do.
            const std::int64_t before = useful_until(done_);
            done_ += tile.m * tile.n * tile.k * tile.repeat;
            tile.useful_macs =
                (i + 1 == plan_.chunks ? plan_.useful_macs : useful_until(done_)) - before;
            tile.first = input;
            tile.output = output;
            std::vector<CommandId> after = {launch_};
            if (serial_.valid()) after.push_back(serial_);
            program_.add(kMatrixUnit, layer_, tile, after);
        }
        if (plan_.vector) {
            // The next blocks wait for the serial share of every piece.
            if (plan_.serial > 0) serial_ = add_vector(share_of(i, 0, plan_.serial), input, output);
            if (plan_.serial < 1) add_vector(share_of(i, plan_.serial, 1), input, output);
        }
    }
    CommandId add_vector(Vector piece, Buffer input, Buffer output) {
        piece.input = input;
        piece.output = output;
        return program_.add(kVectorUnit, layer_, piece, {launch_});
    }

  private:
    [[nodiscard]] std::int64_t useful_until(std::int64_t done) const {
        return static_cast<std::int64_t>(static_cast<Int128>(plan_.useful_macs) * done / all_);
    }
    /// Of piece `i`'s vector work, from `from` to `to` of the whole.
    [[nodiscard]] Vector share_of(std::int64_t i, double from, double to) const {
        Vector piece = part_of(*plan_.vector, i, plan_.chunks);
        for (std::int64_t* amount :
             {&piece.elements, &piece.operations, &piece.read_bytes, &piece.write_bytes}) {
            const auto at = [&](double where) {
                return static_cast<std::int64_t>(where * static_cast<double>(*amount));
            };
            *amount = at(to) - at(from);
        }
        return piece;
    }

    const GpuSpec& spec_;
    const Plan& plan_;
    CommandId launch_;
    LayerId layer_;
    ProgramBuilder& program_;
    CommandId serial_;                 ///< latest vector work that blocks wait for
    std::int64_t done_ = 0, all_ = 0;  ///< MACs of the pieces so far, and of all
};

}  // namespace

void cut(const GpuSpec& spec, const std::vector<MemoryPort>& memories, Plan& plan) {
    const Time loads = transfer_time(plan.loads, memories, spec.memory_efficiency) +
                       transfer_time(plan.stores, memories, spec.memory_efficiency);
    std::int64_t n = std::clamp<std::int64_t>(ceil_div(loads.fs, kPiece.fs), 1, kMostPieces);
    plan.by_depth = false;
    Time later;
    BlockTiming timing;
    if (plan.blocks) {
        timing = block_timing(spec, *plan.blocks);
        later = spec.clock.cycles(static_cast<std::int64_t>(std::ceil(timing.later)));
        // Blocks that hand on what they make go through all of their reductions at once.
        const bool alone = plan.blocks->begins && plan.blocks->ends;
        if (alone && timing.waves < kFewWaves) {
            plan.by_depth = true;
            const std::int64_t least = plan.least_depth > 0
                                           ? plan.least_depth
                                           : 2 * spec.library.stages * spec.library.depth;
            n = std::clamp<std::int64_t>(n, 1,
                                         std::max<std::int64_t>(1, plan.blocks->depth / least));
        } else {
            n = std::clamp<std::int64_t>(static_cast<std::int64_t>(timing.waves), 1, n);
        }
    }
    plan.chunks = n;
    if (plan.blocks && plan.by_depth && n > plan.blocks->depth) plan.by_depth = false;
    // Loads do not stream before the first slices have come and the pipelines are full.
    plan.filling = Time::zero();
    if (plan.by_depth && n > 1) plan.filling = spec.clock.cycles(spec.latency_cycles) + later;
    plan.stall = plan.blocks ? stall_of(spec, memories, plan, timing) : Time::zero();
    plan.launch += plan.filling + plan.stall;
}

Contract part_of_blocks(const GpuSpec& spec, const Plan& plan, std::int64_t i) {
    const BlockWork& all = *plan.blocks;
    Contract tile{.m = all.rows,
                  .n = all.columns,
                  .k = all.depth,
                  .repeat = all.blocks,
                  .first_type = all.first_type,
                  .second_type = all.second_type,
                  .first_k_tile = all.begins,
                  .last_k_tile = all.ends,
                  .preloaded = all.follows};
    if (plan.chunks == 1) return tile;
    if (plan.by_depth) {
        tile.k = part_range(all.depth, i, plan.chunks).size();
        tile.first_k_tile = i == 0;
        tile.last_k_tile = i + 1 == plan.chunks;
        return tile;
    }
    tile.preloaded = all.follows || i > 0;
    // Whole waves where the library works in waves: a part of a wave takes as long as one.
    const std::int64_t resident =
        resident_blocks(spec, {all.rows, all.columns}, all.first_type, all.second_type);
    const std::int64_t wave =
        spec.library.scheduling == Scheduling::waves ? spec.sms * resident : 1;
    const std::int64_t waves = ceil_div(all.blocks, wave);
    const PartRange slice = part_range(waves, i, plan.chunks);
    tile.repeat = std::max<std::int64_t>(
        1, std::min(all.blocks, slice.end * wave) - std::min(all.blocks, slice.begin * wave));
    return tile;
}

PlanTime time_of(const GpuSpec& spec, const std::vector<MemoryPort>& memories, const Plan& plan) {
    const Time loads = transfer_time(plan.loads, memories, spec.memory_efficiency);
    const Time stores = transfer_time(plan.stores, memories, spec.memory_efficiency);
    BlockTiming blocks;
    if (plan.blocks) blocks = block_timing(spec, *plan.blocks);
    const Time matrix = matrix_time(spec, plan, blocks);
    const Time vector =
        plan.vector ? gpu::time_of(spec, vector_cycles(spec, *plan.vector)) : Time::zero();
    const Time last =
        plan.last ? gpu::time_of(spec, vector_cycles(spec, *plan.last)) : Time::zero();
    const std::int64_t n = plan.chunks;
    const Time fixed = plan.launch + first_latency(plan.loads, memories) +
                       first_latency(plan.stores, memories) + last;

    // Results are in the L2 when the kernel ends; on their way to memory they take bandwidth only.
    const Time on_memory = std::max(loads + part(matrix, n) + part(vector, n), loads + stores);
    const Time serial{static_cast<std::int64_t>(plan.serial * static_cast<double>(vector.fs))};
    const Time on_matrix = part(loads, n) + matrix + std::max(serial, part(vector, n));
    const Time on_vector = part(loads, n) + part(matrix, n) + vector;
    const Time longest = std::max({on_memory, on_matrix, on_vector});
    PlanTime time{.total = fixed + longest};
    if (longest == on_memory)
        time.limit = Limit::memory;
    else if (longest == on_matrix)
        time.limit = blocks.limit;
    else
        time.limit = Limit::vector;
    if (plan.launch - plan.stall > longest) time.limit = Limit::launch;
    return time;
}

bool PlanSearch::goes_on() const { return candidates_ < std::max(1, effort_); }

bool PlanSearch::offer(std::variant<Plan, Infeasible> answer, Mapping mapping) {
    auto* plan = std::get_if<Plan>(&answer);
    if (plan == nullptr) {
        ++misfits_;
        return false;
    }
    ++candidates_;
    const PlanTime time = time_of(spec_, memories_, *plan);
    if (!best_ || time.total < time_.total) {
        best_ = std::move(*plan);
        time_ = time;
        mapping_ = std::move(mapping);
    }
    return true;
}

std::variant<MappingChoice, Infeasible> PlanSearch::answer(std::string none,
                                                           std::string misfits) const {
    if (!best_) return Infeasible{std::move(none)};
    MappingChoice choice{.mapping = mapping_, .cost = time_.total};
    choice.candidates = candidates_;
    const BlockTiming timing = block_timing(spec_, *best_->blocks);
    choice.mapping.insert(choice.mapping.end(), {{"blocks", std::to_string(best_->blocks->blocks)},
                                                 {"resident", std::to_string(timing.resident)},
                                                 {"waves", fmt::format("{:.2f}", timing.waves)},
                                                 {"limit", std::string(to_string(time_.limit))}});
    if (misfits_ > 0) choice.rejected.emplace_back(std::move(misfits), misfits_);
    if (candidates_ > 1) choice.rejected.emplace_back("slower than the best", candidates_ - 1);
    return choice;
}

bool is_derived(std::string_view key) {
    return key == "blocks" || key == "resident" || key == "waves" || key == "limit";
}

void emit_plan(const GpuSpec& spec, const Plan& plan, const Buffer& free, LayerId layer,
               ProgramBuilder& program) {
    const CommandId launch =
        program.add(kMatrixUnit, layer, Delay{.duration = plan.launch},
                    latest_commands(program, {kMemoryUnit, kMatrixUnit, kVectorUnit}));
    const Pieces pieces{.loads = plan.loads,
                        .stores = plan.stores,
                        .count = plan.chunks,
                        .room = free,
                        // What streams through uses the room there is over and over.
                        .most_bytes = free.bytes / Pieces::kSlots / 2,
                        .results_last = plan.by_depth,
                        .dma = kMemoryUnit,
                        .layer = layer};
    Worker worker(spec, plan, launch, layer, program);
    emit_pieces(
        pieces, {launch}, program,
        [&](std::int64_t i, Buffer input, Buffer output) { worker.work(i, input, output); },
        [&](std::int64_t, Buffer input, Buffer output) {
            if (plan.last) worker.add_vector(*plan.last, input, output);
        });
}

}  // namespace perfwatt::gpu
