#include "models/gpu/contraction.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "sim/base/diagnostics.h"
#include "sim/base/math.h"

namespace perfwatt::gpu {
namespace {

/// Channels of a first layer are padded to this many: 16-byte loads of 8-bit pixels, four a word.
constexpr std::int64_t kLeastChannels = 4;
/// A part of a split reduction takes at least two slices, or it would be all filling.
constexpr std::int64_t kLeastSlices = 2;
/// Outputs of a block of a depthwise convolution.
constexpr Tile kWindows{1024, 1};
/// Of the L2's capacity, what one operand's stripe may take beside the other's stream.
constexpr double kStripe = 0.7;
/// A split product's partial sums.
constexpr std::int64_t kPartialBytes = 4;
/// Positions of the output that a block of fused layers has, and its tile's extents.
constexpr std::int64_t kFusedRows = 8, kFusedColumns = 16;
constexpr std::int64_t kFused = kFusedRows * kFusedColumns;
/// Positions that the layer before three by three taps makes for them.
constexpr std::int64_t kFusedBefore = (kFusedRows + 2) * (kFusedColumns + 2);

/// How often each operand comes from memory: once where it or a stripe of the other fits the L2.
struct Passes {
    std::int64_t first = 1, second = 1;
};

/// Blocks in flight cover a rectangle of the output, so that its rows' first operand and its
/// columns' second are read once for all of them; an operand that does not stay in the L2 comes
/// again for the next rectangle.
Passes passes_of(const GpuSpec& spec, const Product& product, const ContractionChoice& choice,
                 std::int64_t first_bytes, std::int64_t second_bytes, std::int64_t in_flight) {
    const double l2 = static_cast<double>(spec.l2.bytes) * spec.l2.retained;
    const auto first = static_cast<double>(first_bytes);
    const auto second = static_cast<double>(second_bytes);
    if (first + second < l2) return {};
    const auto down = static_cast<double>(ceil_div(product.rows, choice.tile.rows));
    const auto across = static_cast<double>(ceil_div(product.columns, choice.tile.columns));
    const double blocks = std::max(1.0, static_cast<double>(in_flight / choice.splits));
    const double shape =
        static_cast<double>(choice.tile.columns) / static_cast<double>(choice.tile.rows);
    double r = std::min(down, std::max(1.0, std::sqrt(blocks * shape)));
    const double c = std::min(across, std::max(1.0, blocks / r));
    r = std::min(down, std::max(1.0, blocks / c));
    const double again_first = std::ceil(across / c), again_second = std::ceil(down / r);
    Passes best{static_cast<std::int64_t>(again_first), static_cast<std::int64_t>(again_second)};
    double least = first * again_first + second * again_second;
    const auto consider = [&](double times_first, double times_second) {
        const double bytes = first * times_first + second * times_second;
        if (bytes >= least) return;
        least = bytes;
        best = {static_cast<std::int64_t>(times_first), static_cast<std::int64_t>(times_second)};
    };
    if (first * std::min(1.0, r / down) < kStripe * l2) consider(1, again_second);
    if (second * std::min(1.0, c / across) < kStripe * l2) consider(again_first, 1);
    return best;
}

std::int64_t operations_of(const GpuSpec& spec, const Kernel& kernel) {
    std::int64_t total = 0;
    for (const Elementwise& fused : kernel.epilogue)
        total += lane_operations(spec, fused.steps, fused.elements);
    return total;
}

/// Work of the vector pipes beside the blocks: what is fused onto the results, while these are in
/// registers. Operands beyond the two products' come from the L2.
std::optional<Vector> epilogue_of(const GpuSpec& spec, const Kernel& kernel, DataType type) {
    Vector work{.operations = operations_of(spec, kernel), .type = type};
    for (std::size_t i = 2; i < kernel.inputs.size(); ++i)
        work.read_bytes += kernel.inputs[i].bytes;
    if (work.operations == 0 && work.read_bytes == 0) return std::nullopt;
    for (const Elementwise& fused : kernel.epilogue)
        work.elements = std::max(work.elements, fused.elements);
    return work;
}

}  // namespace

Product product_of(const Contraction& work) {
    Product product{.groups = work.g,
                    .rows = work.n * work.p * work.q,
                    .columns = work.k,
                    .depth = work.c * work.r * work.s};
    if (work.group_layout == GroupLayout::channels && work.g > 1 && work.k == 1 && work.c == 1) {
        product.windows = true;
    } else if (work.r * work.s > 1) {
        product.depth = round_up(work.c, kLeastChannels) * work.r * work.s;
    }
    return product;
}

bool fits_a_block(const GpuSpec& spec, const std::vector<const Kernel*>& chain) {
    int with_taps = 0;
    std::int64_t held = 0;
    for (std::size_t i = 0; i < chain.size(); ++i) {
        const auto* work = std::get_if<Contraction>(&chain[i]->work);
        if (work == nullptr || work->g != 1 || product_of(*work).windows) return false;
        const bool taps = work->r * work->s > 1;
        with_taps += taps ? 1 : 0;
        if (taps && (work->r > 3 || work->s > 3)) return false;
        const bool plain = work->stride_h == 1 && work->stride_w == 1 && work->dilation_h == 1 &&
                           work->dilation_w == 1;
        if (i > 0 && !plain) return false;
        if (i + 1 == chain.size()) continue;
        held += bytes(work->output_type, (with_taps == 0 ? kFusedBefore : kFused) * work->k);
    }
    // What the last one adds to its result stays as well; operands of the smallest tile pass by.
    const auto& first = std::get<Contraction>(chain.front()->work);
    for (std::size_t i = 2; i < chain.back()->inputs.size(); ++i)
        if (chain.back()->inputs[i].tensor == chain.front()->inputs[0].tensor)
            held += bytes(first.first_type, kFused * first.c);
    held += bytes(first.first_type, 2 * kFused * spec.library.depth * spec.library.stages);
    return with_taps <= 1 && held <= spec.shared_bytes;
}

std::variant<Plan, Infeasible> plan_contraction(const GpuSpec& spec,
                                                const std::vector<MemoryPort>& memories,
                                                const MappingRequest& request,
                                                const ContractionChoice& choice) {
    const Kernel& kernel = *request.kernel;
    const Contraction& work = std::get<Contraction>(kernel.work);
    const Product product = product_of(work);
    const std::int64_t down = ceil_div(product.rows, choice.tile.rows);
    const std::int64_t across = ceil_div(product.columns, choice.tile.columns);
    Plan plan;
    plan.launch = spec.launch;
    plan.useful_macs = work.macs();
    BlockWork blocks{.rows = choice.tile.rows,
                     .columns = choice.tile.columns,
                     .depth = product.depth,
                     .blocks = product.groups * down * across * choice.splits,
                     .first_type = work.first_type,
                     .second_type = work.second_type};
    if (product.windows) {
        if (choice.tile != kWindows || choice.splits != 1)
            return Infeasible{"mapping: a depthwise convolution has one kernel"};
        blocks.blocks = ceil_div(product.groups * product.rows, kWindows.rows);
    } else {
        const std::int64_t slice = spec.library.depth;
        if (choice.splits > 1 && product.depth / choice.splits < kLeastSlices * slice)
            return Infeasible{"reductions too short for the parts"};
        blocks.depth = round_up(ceil_div(product.depth, choice.splits), slice);
    }
    const bool handed_on = kernel.inputs[0].bytes == 0;
    const bool hands_on = kernel.outputs[0].bytes == 0;
    if (handed_on || hands_on) {
        // A block has all channels of its positions.
        if (choice.splits > 1 || choice.tile.rows != kFused)
            return Infeasible{"layers that are fused have one kind of block"};
        blocks.columns *= across;
        blocks.blocks = down;
        blocks.begins = !handed_on;
        blocks.follows = handed_on;
        blocks.ends = !hands_on;
    }
    if (handed_on) plan.launch = Time::zero();
    if (hands_on && !handed_on) {
        plan.launch += spec.clock.cycles(spec.latency_cycles);
        // Tiles overlap where taps follow: what lies in several is made several times.
        if (work.r * work.s == 1) blocks.blocks = ceil_div(down * kFusedBefore, kFused);
    }
    plan.blocks = blocks;

    const std::int64_t resident =
        resident_blocks(spec, choice.tile, work.first_type, work.second_type);
    Passes passes;
    if (!product.windows)
        passes = passes_of(spec, product, choice, kernel.inputs[0].bytes / product.groups,
                           kernel.inputs[1].bytes * work.groups_sharing_second / product.groups,
                           std::min(blocks.blocks, spec.sms * resident));
    add_flow(plan.loads, request.inputs[0], kernel.inputs[0].bytes, passes.first);
    add_flow(plan.loads, request.inputs[1], kernel.inputs[1].bytes, passes.second);
    for (std::size_t i = 2; i < kernel.inputs.size(); ++i)
        add_flow(plan.loads, request.inputs[i], kernel.inputs[i].bytes, 1);
    for (std::size_t i = 0; i < kernel.outputs.size(); ++i)
        add_flow(plan.stores, request.outputs[i], kernel.outputs[i].bytes, 1);

    plan.vector = epilogue_of(spec, kernel, work.output_type);
    if (choice.splits > 1) {
        const std::int64_t sums = work.output_elements() * choice.splits;
        plan.last = Vector{.elements = work.output_elements(),
                           .operations = sums,
                           .type = DataType::fp32,
                           .read_bytes = sums * kPartialBytes,
                           .write_bytes = sums * kPartialBytes};
        // The parts meet: whoever ends last sums them, or a kernel of its own does.
        plan.launch += spec.clock.cycles(spec.latency_cycles);
    }
    cut(spec, memories, plan);
    return plan;
}

std::variant<MappingChoice, Infeasible> map_contraction(const GpuSpec& spec,
                                                        const std::vector<MemoryPort>& memories,
                                                        const MappingRequest& request) {
    const Product product = product_of(std::get<Contraction>(request.kernel->work));
    std::vector<Tile> tiles = spec.library.tiles;
    if (product.windows) tiles = {kWindows};
    PlanSearch search(spec, memories, request.effort);
    for (const Tile& tile : tiles) {
        for (std::int64_t splits = 1; splits <= spec.library.most_splits && search.goes_on();
             splits += splits < 4 ? 1 : splits / 2) {
            const ContractionChoice choice{.tile = tile, .splits = splits};
            if (!search.offer(plan_contraction(spec, memories, request, choice),
                              {{"tile", fmt::format("{}x{}", tile.rows, tile.columns)},
                               {"splits", std::to_string(splits)}}))
                break;
        }
    }
    return search.answer("the library has no tile for it", "reductions too short for the parts");
}

std::variant<ContractionChoice, Infeasible> choice_from(const Mapping& mapping) {
    ContractionChoice choice;
    for (const auto& [key, value] : mapping) {
        const auto wrong =
            Infeasible{fmt::format("mapping: '{}: {}' is not understood", key, value)};
        if (key == "tile") {
            const std::size_t by = value.find('x');
            if (by == std::string::npos) return wrong;
            const auto rows = positive_number(std::string_view(value).substr(0, by));
            const auto columns = positive_number(std::string_view(value).substr(by + 1));
            if (!rows || !columns) return wrong;
            choice.tile = {*rows, *columns};
        } else if (key == "splits") {
            const auto splits = positive_number(value);
            if (!splits) return wrong;
            choice.splits = *splits;
        } else if (!is_derived(key)) {
            return wrong;
        }
    }
    if (choice.tile.rows == 0) return Infeasible{"mapping: no 'tile'"};
    return choice;
}

}  // namespace perfwatt::gpu
