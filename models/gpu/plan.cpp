#include "models/gpu/plan.h"

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
/// Pieces that may be in the L2 at a time: one works, one arrives, one leaves.
constexpr std::int64_t kSlots = 3;

Time transfer(const GpuSpec& spec, const std::vector<MemoryPort>& memories,
              const std::vector<Flow>& flows) {
    Time total;
    for (const Flow& flow : flows)
        total += transfer_time(flow.total(),
                               usable_bytes_per_second(spec, memories[flow.region.memory.index()]));
    return total;
}

Time latency(const std::vector<MemoryPort>& memories, const std::vector<Flow>& flows) {
    Time longest;
    for (const Flow& flow : flows)
        longest = std::max(longest, memories[flow.region.memory.index()].latency);
    return longest;
}

Time part(Time whole, std::int64_t parts) { return {whole.fs / parts}; }

/// From `whole * i / parts` to `whole * (i + 1) / parts`, without overflow.
struct Slice {
    std::int64_t begin = 0, end = 0;
    [[nodiscard]] std::int64_t size() const { return end - begin; }
};
std::int64_t share(std::int64_t whole, std::int64_t i, std::int64_t parts) {
    return whole / parts * i + whole % parts * i / parts;
}
Slice slice_of(std::int64_t whole, std::int64_t i, std::int64_t parts) {
    return {share(whole, i, parts), share(whole, i + 1, parts)};
}

class Emitter {
  public:
    Emitter(const GpuSpec& spec, const Plan& plan, const Buffer& free, LayerId layer,
            ProgramBuilder& program)
        : spec_(spec), plan_(plan), free_(free), layer_(layer), program_(program) {}

    void run() {
        std::vector<CommandId> before;
        for (const UnitId unit : {kMemoryUnit, kMatrixUnit, kVectorUnit})
            if (program_.last_command(unit).valid()) before.push_back(program_.last_command(unit));
        launch_ = program_.add(kMatrixUnit, layer_, Delay{.duration = plan_.launch}, before);
        // What streams through uses the room there is over and over.
        const std::int64_t room = free_.bytes / kSlots / 2;
        in_bytes_ = std::min(room, slot_bytes(plan_.loads));
        out_bytes_ = std::min(room, slot_bytes(plan_.stores));
        const std::int64_t n = plan_.chunks;
        for (std::int64_t i = 0; plan_.blocks && i < n; ++i) {
            const Contract tile = part_of_blocks(spec_, plan_, i);
            all_ += tile.m * tile.n * tile.k * tile.repeat;
        }
        load(0);
        for (std::int64_t i = 0; i < n; ++i) {
            if (i + 1 < n) load(i + 1);  // ahead of the stores, which wait for the work
            work(i);
            if (!plan_.by_depth) store(i, i);
        }
        if (plan_.last) add_vector(*plan_.last, n - 1);
        if (plan_.by_depth)
            for (std::int64_t i = 0; i < n; ++i) store(i, n - 1);
    }

  private:
    [[nodiscard]] std::int64_t slot_bytes(const std::vector<Flow>& flows) const {
        std::int64_t total = 0;
        for (const Flow& flow : flows) total += ceil_div(flow.total(), plan_.chunks);
        return total;
    }
    [[nodiscard]] std::int64_t slot(std::int64_t i) const {
        return free_.address + i % kSlots * (in_bytes_ + out_bytes_);
    }
    [[nodiscard]] std::int64_t useful_until(std::int64_t done) const {
        return static_cast<std::int64_t>(static_cast<Int128>(plan_.useful_macs) * done / all_);
    }
    [[nodiscard]] Buffer input(std::int64_t i) const { return {slot(i), in_bytes_}; }
    [[nodiscard]] Buffer output(std::int64_t i) const { return {slot(i) + in_bytes_, out_bytes_}; }

    /// What a transfer uses of a piece's room: its size, or what is left.
    static Buffer taken(Buffer& left, const Region& region) {
        const Buffer part{left.address, std::min(left.bytes, region.bytes())};
        left.address += part.bytes;
        left.bytes -= part.bytes;
        return part;
    }

    /// Calls `transfer(region)` for each run of piece `i`: passes begin again at the first byte.
    template <class Transfer>
    void runs(const Flow& flow, std::int64_t i, Transfer&& transfer) const {
        const Slice slice = slice_of(flow.total(), i, plan_.chunks);
        for (std::int64_t at = slice.begin; at < slice.end;) {
            const std::int64_t offset = at % flow.bytes;
            const std::int64_t size = std::min(slice.end - at, flow.bytes - offset);
            transfer(Region{.memory = flow.region.memory,
                            .address = flow.region.address + offset,
                            .row_bytes = size,
                            .rows = 1,
                            .pitch_bytes = size});
            at += size;
        }
    }

    void load(std::int64_t i) {
        Buffer left = input(i);
        for (const Flow& flow : plan_.loads)
            runs(flow, i, [&](const Region& region) {
                program_.add(kMemoryUnit, layer_, Load{region, taken(left, region)}, {launch_});
            });
    }
    void store(std::int64_t i, std::int64_t from) {
        Buffer left = output(from);
        for (const Flow& flow : plan_.stores)
            runs(flow, i, [&](const Region& region) {
                program_.add(kMemoryUnit, layer_, Store{taken(left, region), region}, {launch_});
            });
    }

    void work(std::int64_t i) {
        if (plan_.blocks) {
            Contract tile = part_of_blocks(spec_, plan_, i);
            // Useful work is shared as the blocks are: no piece has more than its blocks do.
            const std::int64_t before = useful_until(done_);
            done_ += tile.m * tile.n * tile.k * tile.repeat;
            tile.useful_macs =
                (i + 1 == plan_.chunks ? plan_.useful_macs : useful_until(done_)) - before;
            tile.first = input(i);
            tile.output = output(i);
            std::vector<CommandId> after = {launch_};
            if (serial_.valid()) after.push_back(serial_);
            program_.add(kMatrixUnit, layer_, tile, after);
        }
        if (plan_.vector) {
            // The next blocks wait for the serial share of every piece.
            if (plan_.serial > 0) serial_ = add_vector(share_of(i, 0, plan_.serial), i);
            if (plan_.serial < 1) add_vector(share_of(i, plan_.serial, 1), i);
        }
    }
    /// Of piece `i`'s vector work, from `from` to `to` of the whole.
    [[nodiscard]] Vector share_of(std::int64_t i, double from, double to) const {
        const auto part_of = [&](std::int64_t whole) {
            const std::int64_t size = slice_of(whole, i, plan_.chunks).size();
            const auto at = [&](double where) {
                return static_cast<std::int64_t>(where * static_cast<double>(size));
            };
            return at(to) - at(from);
        };
        Vector piece = *plan_.vector;
        piece.elements = part_of(plan_.vector->elements);
        piece.operations = part_of(plan_.vector->operations);
        piece.read_bytes = part_of(plan_.vector->read_bytes);
        piece.write_bytes = part_of(plan_.vector->write_bytes);
        return piece;
    }
    CommandId add_vector(Vector piece, std::int64_t i) {
        piece.input = input(i);
        piece.output = output(i);
        return program_.add(kVectorUnit, layer_, piece, {launch_});
    }

    const GpuSpec& spec_;
    const Plan& plan_;
    Buffer free_;
    LayerId layer_;
    ProgramBuilder& program_;
    CommandId launch_;
    CommandId serial_;  ///< latest vector work that blocks wait for
    std::int64_t in_bytes_ = 0, out_bytes_ = 0;
    std::int64_t done_ = 0, all_ = 0;  ///< MACs of the pieces so far, and of all
};

}  // namespace

std::int64_t usable_bytes_per_second(const GpuSpec& spec, const MemoryPort& memory) {
    return static_cast<std::int64_t>(static_cast<double>(memory.bytes_per_second) *
                                     spec.memory_efficiency);
}

std::optional<Flow> flow_of(const Placement& placement, std::int64_t bytes, std::int64_t passes) {
    if (placement.where == Placement::Where::on_chip || bytes <= 0) return std::nullopt;
    Flow flow{.region = placement.region, .bytes = bytes, .passes = passes};
    flow.region.row_bytes = flow.region.pitch_bytes = bytes;
    flow.region.rows = 1;
    return flow;
}

void cut(const GpuSpec& spec, const std::vector<MemoryPort>& memories, Plan& plan) {
    const Time loads = transfer(spec, memories, plan.loads) + transfer(spec, memories, plan.stores);
    std::int64_t n = std::clamp<std::int64_t>(ceil_div(loads.fs, kPiece.fs), 1, kMostPieces);
    plan.by_depth = false;
    if (plan.blocks) {
        const BlockTiming timing = block_timing(spec, *plan.blocks);
        const std::int64_t slices = plan.blocks->depth / spec.library.depth;
        if (timing.waves < kFewWaves) {
            plan.by_depth = true;
            // No piece is so short that the pipeline would not fill: see block_timing().
            n = std::clamp<std::int64_t>(
                n, 1, std::max<std::int64_t>(1, slices / (2 * spec.library.stages)));
        } else {
            n = std::min(n, static_cast<std::int64_t>(timing.waves));
        }
    }
    plan.chunks = n;
    if (plan.blocks && plan.by_depth && n > plan.blocks->depth) plan.by_depth = false;
    // Loads do not stream before the first slices have come and the pipelines are full.
    plan.filled = plan.by_depth && n > 1;
    if (plan.filled) plan.launch += spec.clock.cycles(spec.latency_cycles);
}

Contract part_of_blocks(const GpuSpec& spec, const Plan& plan, std::int64_t i) {
    const BlockWork& all = *plan.blocks;
    Contract tile{.m = all.rows,
                  .n = all.columns,
                  .k = all.depth,
                  .repeat = all.blocks,
                  .first_type = all.first_type,
                  .second_type = all.second_type};
    if (plan.chunks == 1) return tile;
    if (plan.by_depth) {
        tile.k = slice_of(all.depth, i, plan.chunks).size();
        tile.first_k_tile = i == 0;
        tile.last_k_tile = i + 1 == plan.chunks;
        return tile;
    }
    // Whole waves where the library works in waves: a part of a wave takes as long as one.
    const std::int64_t wave =
        spec.library.scheduling == Scheduling::waves && all.blocks / plan.chunks >= spec.sms
            ? spec.sms
            : 1;
    const std::int64_t waves = ceil_div(all.blocks, wave);
    const Slice slice = slice_of(waves, i, plan.chunks);
    tile.repeat = std::max<std::int64_t>(
        1, std::min(all.blocks, slice.end * wave) - std::min(all.blocks, slice.begin * wave));
    return tile;
}

PlanTime time_of(const GpuSpec& spec, const std::vector<MemoryPort>& memories, const Plan& plan) {
    const Time loads = transfer(spec, memories, plan.loads);
    const Time stores = transfer(spec, memories, plan.stores);
    BlockTiming blocks;
    if (plan.blocks) blocks = block_timing(spec, *plan.blocks);
    Time matrix = gpu::time_of(spec, blocks.cycles);
    if (plan.filled) matrix -= std::min(matrix, spec.clock.cycles(spec.latency_cycles));
    const Time vector =
        plan.vector ? gpu::time_of(spec, vector_cycles(spec, *plan.vector)) : Time::zero();
    const Time last =
        plan.last ? gpu::time_of(spec, vector_cycles(spec, *plan.last)) : Time::zero();
    const std::int64_t n = plan.chunks;
    const Time fixed =
        plan.launch + latency(memories, plan.loads) + latency(memories, plan.stores) + last;

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
    if (plan.launch > longest) time.limit = Limit::launch;
    return time;
}

void emit_plan(const GpuSpec& spec, const Plan& plan, const Buffer& free, LayerId layer,
               ProgramBuilder& program) {
    Emitter(spec, plan, free, layer, program).run();
}

}  // namespace perfwatt::gpu
