#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "sim/arch/family.h"
#include "sim/base/math.h"
#include "sim/config/json_schema.h"
#include "sim/config/schema.h"

namespace perfwatt::row_engine {
namespace {

/// The map under `row_engine:` of a chip YAML.
struct Spec {
    Clock clock;
    std::int64_t macs_per_cycle = 0;
    std::int64_t lanes = 0;
    std::int64_t buffer_bytes = 0;
    Sourced<double> mac, lane_operation, buffer_byte;  // pJ each
    Sourced<double> leakage;                           // W
};

MapSchema<Spec> schema() {
    return MapSchema<Spec>("row_engine")
        .frequency("clock", &Spec::clock, {.max = "10 GHz"}, "of the whole engine")
        .count("macs_per_cycle", &Spec::macs_per_cycle, {.max = 1'000'000}, "8-bit multiplications")
        .count("lanes", &Spec::lanes, {.max = 65536}, "vector operations a cycle")
        .bytes("buffer", &Spec::buffer_bytes, {.min = "4 KiB", .max = "1 GiB"}, "on the chip")
        .energy("mac", &Spec::mac, {}, "of one multiplication and its addition")
        .energy("lane_operation", &Spec::lane_operation, {}, "of one vector operation")
        .energy("buffer_byte", &Spec::buffer_byte, {},
                "of a byte read from or written to the buffer")
        .power("leakage", &Spec::leakage, {}, "drawn all the time");
}

/// Bytes or elements `begin` to `end` of a whole that is cut into equal pieces.
struct Slice {
    std::int64_t begin = 0, end = 0;
    [[nodiscard]] std::int64_t size() const { return end - begin; }
};
Slice piece_of(std::int64_t whole, std::int64_t piece, std::int64_t pieces) {
    return {whole * piece / pieces, whole * (piece + 1) / pieces};
}

std::int64_t operations(const std::vector<VectorStep>& steps, std::int64_t elements) {
    double per_element = 0;
    for (const VectorStep& step : steps) per_element += step.per_element;
    return static_cast<std::int64_t>(std::ceil(per_element * static_cast<double>(elements)));
}

/// Vector operations of a kernel, what is fused onto a contraction included.
std::int64_t operations(const Kernel& kernel) {
    std::int64_t total = 0;
    for (const Elementwise& fused : kernel.epilogue)
        total += operations(fused.steps, fused.elements);
    if (const auto* work = std::get_if<Elementwise>(&kernel.work))
        total += operations(work->steps, work->elements);
    if (const auto* work = std::get_if<Reduce>(&kernel.work))
        total += operations(work->steps, work->elements);
    if (const auto* work = std::get_if<Move>(&kernel.work)) total += work->bytes;
    return total;
}

constexpr UnitId kLoad{0}, kStore{1}, kMatrix{2}, kVector{3};

/// An engine that keeps the first operand of a contraction whole and streams the second, a few
/// output channels at a time. Everything else is cut into equal pieces.
class RowEngine final : public Device {
  public:
    RowEngine(Spec spec, std::int64_t memory_bytes_per_second)
        : spec_(std::move(spec)), memory_(memory_bytes_per_second) {}

    std::vector<Unit> units() const override {
        return {{"load", UnitKind::dma, 0},
                {"store", UnitKind::dma, 0},
                {"matrix", UnitKind::matrix, 0},
                {"vector", UnitKind::vector, 0}};
    }
    OnChipMemory on_chip() const override {
        const std::int64_t size = spec_.buffer_bytes;
        return {.bytes_per_core = size, .weight_bytes = size, .activation_bytes = size};
    }
    Peak peak(DataType first, DataType second) const override {
        const bool fits = bits(first) == 8 && bits(second) == 8;
        return {.macs_per_second = fits ? spec_.macs_per_cycle * spec_.clock.hertz() : 0,
                .vector_operations_per_second = spec_.lanes * spec_.clock.hertz()};
    }

    std::optional<Infeasible> refuses(const Kernel& kernel) const override {
        if (std::holds_alternative<HostWork>(kernel.work))
            return Infeasible{"no unit decides on data"};
        if (!kernel.fused_pooling.empty()) return Infeasible{"pooling is not fused"};
        const auto* work = std::get_if<Contraction>(&kernel.work);
        if (work != nullptr && peak(work->first_type, work->second_type).macs_per_second == 0)
            return Infeasible{"only 8-bit operands are multiplied"};
        return std::nullopt;
    }

    std::variant<MappingChoice, Infeasible> map(const MappingRequest& request) const override {
        std::optional<MappingChoice> best;
        int candidates = 0;
        for (std::int64_t pieces = 1; pieces <= most_pieces(*request.kernel); pieces *= 2) {
            if (candidates == request.effort) break;
            ++candidates;
            const Mapping mapping{{"pieces", std::to_string(pieces)}};
            const std::variant<Time, Infeasible> answer = cost(request, mapping);
            const Time* time = std::get_if<Time>(&answer);
            if (time != nullptr && (!best || *time < best->cost))
                best = MappingChoice{.mapping = mapping, .cost = *time};
        }
        if (!best) return Infeasible{"its operands do not fit the buffer, however it is cut"};
        best->bound = compute_time(*request.kernel, 1);
        best->candidates = candidates;
        return *best;
    }
    std::variant<Time, Infeasible> cost(const MappingRequest& request,
                                        const Mapping& mapping) const override {
        if (const auto refused = refuses(*request.kernel)) return *refused;
        const std::int64_t pieces = pieces_of(mapping);
        if (pieces < 1 || pieces > most_pieces(*request.kernel))
            return Infeasible{"mapping: as many pieces as there are not"};
        if (first_bytes(request) + 2 * piece_bytes(request, pieces) > request.free.bytes)
            return Infeasible{"two pieces and the first operand do not fit the buffer"};
        std::int64_t moved = 0;
        for (std::size_t i = 0; i < request.inputs.size(); ++i)
            if (in_memory(request.inputs[i])) moved += request.kernel->inputs[i].bytes;
        for (std::size_t i = 0; i < request.outputs.size(); ++i)
            if (in_memory(request.outputs[i])) moved += request.kernel->outputs[i].bytes;
        const Time transfer = transfer_time(moved, memory_);
        const Time compute = compute_time(*request.kernel, pieces);
        // The first piece's transfer and the last one's work overlap with nothing.
        const Time longer = std::max(transfer, compute), shorter = std::min(transfer, compute);
        return longer + Time{shorter.fs / pieces};
    }

    void emit(const MappingRequest& request, const Mapping& mapping, LayerId layer,
              ProgramBuilder& program) const override {
        const std::int64_t pieces = pieces_of(mapping);
        const Kernel& kernel = *request.kernel;
        const auto* work = std::get_if<Contraction>(&kernel.work);
        const std::int64_t room = piece_bytes(request, pieces);
        std::int64_t at = request.free.address;
        Buffer first;
        if (work != nullptr)
            first = fetch(request.inputs[0], {0, kernel.inputs[0].bytes}, at, layer, program);
        const std::int64_t begin = at;
        for (std::int64_t piece = 0; piece < pieces; ++piece) {
            at = begin + piece % 2 * room;
            Buffer last = first;
            for (std::size_t i = work != nullptr ? 1 : 0; i < kernel.inputs.size(); ++i) {
                const Slice slice = piece_of(kernel.inputs[i].bytes, piece, pieces);
                const Buffer part = fetch(request.inputs[i], slice, at, layer, program);
                if (work == nullptr || i == 1) last = part;
            }
            const Slice made = piece_of(kernel.outputs[0].bytes, piece, pieces);
            const Placement& target = request.outputs[0];
            const Buffer output = in_memory(target)
                                      ? Buffer{at, made.size()}
                                      : Buffer{target.buffer.address + made.begin, made.size()};
            if (work != nullptr) {
                Contract tile = tile_of(*work, piece, pieces);
                tile.first = first;
                tile.second = last;
                tile.output = output;
                program.add(kMatrix, layer, tile);
                last = output;
            }
            const std::int64_t count = piece_of(operations(kernel), piece, pieces).size();
            if (count > 0)
                program.add(kVector, layer,
                            Vector{.elements = made.size(),
                                   .operations = count,
                                   .read_bytes = last.bytes,
                                   .write_bytes = made.size(),
                                   .input = last,
                                   .output = output});
            for (std::size_t i = 0; i < kernel.outputs.size(); ++i)
                store(request.outputs[i], piece_of(kernel.outputs[i].bytes, piece, pieces), at,
                      layer, program);
        }
    }

    Time duration(const Command& command) const override {
        if (const auto* tile = std::get_if<Contract>(&command.work))
            return spec_.clock.cycles(ceil_div(executed_macs(*tile), spec_.macs_per_cycle));
        if (const auto* vector = std::get_if<Vector>(&command.work))
            return spec_.clock.cycles(ceil_div(vector->operations, spec_.lanes));
        if (const auto* delay = std::get_if<Delay>(&command.work)) return delay->duration;
        return Time::zero();  // of a transfer: what memory and links make of it
    }
    std::vector<Action> actions() const override {
        return {{.name = "mac",
                 .unit = "MAC",
                 .meaning = "an 8-bit multiplication and its addition",
                 .component = EnergyComponent::mac,
                 .picojoules = spec_.mac.value,
                 .source = spec_.mac.source()},
                {.name = "lane_operation",
                 .unit = "operation",
                 .meaning = "a vector operation",
                 .component = EnergyComponent::mac,
                 .picojoules = spec_.lane_operation.value,
                 .source = spec_.lane_operation.source()},
                {.name = "buffer_byte",
                 .unit = "byte",
                 .meaning = "a byte into or out of the buffer",
                 .component = EnergyComponent::sram,
                 .picojoules = spec_.buffer_byte.value,
                 .source = spec_.buffer_byte.source()}};
    }
    void count(const Command& command, std::span<const ActionId> ids,
               Counts& counts) const override {
        const int layer = command.layer.value;
        if (const auto* tile = std::get_if<Contract>(&command.work)) {
            counts.add(layer, ids[0], executed_macs(*tile));
            counts.add(layer, ids[2], tile->first.bytes + tile->second.bytes + tile->output.bytes);
        } else if (const auto* vector = std::get_if<Vector>(&command.work)) {
            counts.add(layer, ids[1], vector->operations);
            counts.add(layer, ids[2], vector->read_bytes + vector->write_bytes);
        } else if (const auto* load = std::get_if<Load>(&command.work)) {
            counts.add(layer, ids[2], load->target.bytes);
        } else if (const auto* leaving = std::get_if<Store>(&command.work)) {
            counts.add(layer, ids[2], leaving->source.bytes);
        }
    }
    std::vector<StaticPower> static_power() const override {
        return {
            {.name = "leakage", .watts = spec_.leakage.value, .source = spec_.leakage.source()}};
    }

  private:
    static bool in_memory(const Placement& placement) {
        return placement.where == Placement::Where::memory;
    }
    static std::int64_t pieces_of(const Mapping& mapping) {
        return mapping.size() == 1 ? std::atoll(mapping.front().second.c_str()) : 0;
    }
    /// A contraction is cut between output channels, or between groups where there is one each.
    static std::int64_t most_pieces(const Kernel& kernel) {
        constexpr std::int64_t kMost = 64;  // more commands than that gain nothing
        const auto* work = std::get_if<Contraction>(&kernel.work);
        if (work != nullptr) return std::min(kMost, work->k > 1 ? work->k : work->g);
        return std::clamp<std::int64_t>(kernel.outputs[0].bytes, 1, kMost);
    }
    static Contract tile_of(const Contraction& work, std::int64_t piece, std::int64_t pieces) {
        const bool by_channel = work.k > 1;
        const std::int64_t cut = piece_of(by_channel ? work.k : work.g, piece, pieces).size();
        Contract tile{.m = work.n * work.p * work.q,
                      .n = by_channel ? cut : 1,
                      .k = work.c * work.r * work.s,
                      .repeat = by_channel ? work.g : cut,
                      .first_type = work.first_type,
                      .second_type = work.second_type};
        tile.useful_macs = tile.m * tile.n * tile.k * tile.repeat;
        return tile;
    }
    static std::int64_t first_bytes(const MappingRequest& request) {
        const bool whole = std::holds_alternative<Contraction>(request.kernel->work);
        return whole && in_memory(request.inputs[0]) ? request.kernel->inputs[0].bytes : 0;
    }
    /// Of one piece of everything that passes through the buffer, rounded up.
    static std::int64_t piece_bytes(const MappingRequest& request, std::int64_t pieces) {
        const Kernel& kernel = *request.kernel;
        std::int64_t total = 0;
        for (std::size_t i = std::holds_alternative<Contraction>(kernel.work) ? 1 : 0;
             i < kernel.inputs.size(); ++i)
            if (in_memory(request.inputs[i])) total += ceil_div(kernel.inputs[i].bytes, pieces) + 1;
        for (std::size_t i = 0; i < kernel.outputs.size(); ++i)
            if (in_memory(request.outputs[i]))
                total += ceil_div(kernel.outputs[i].bytes, pieces) + 1;
        return total;
    }
    [[nodiscard]] Time compute_time(const Kernel& kernel, std::int64_t pieces) const {
        const auto* work = std::get_if<Contraction>(&kernel.work);
        const std::int64_t macs = work != nullptr ? work->macs() : 0;
        const Time longer = spec_.clock.cycles(ceil_div(macs, spec_.macs_per_cycle));
        const Time vector = spec_.clock.cycles(ceil_div(operations(kernel), spec_.lanes));
        return std::max(longer, vector) + Time{std::min(longer, vector).fs / pieces};
    }
    /// Brings a slice to `at`, which moves on; what is on the chip already stays where it is.
    static Buffer fetch(const Placement& from, Slice slice, std::int64_t& at, LayerId layer,
                        ProgramBuilder& program) {
        if (!in_memory(from)) return {from.buffer.address + slice.begin, slice.size()};
        const Buffer target{at, slice.size()};
        at += slice.size();
        if (slice.size() > 0) program.add(kLoad, layer, Load{region(from, slice), target});
        return target;
    }
    static void store(const Placement& to, Slice slice, std::int64_t& at, LayerId layer,
                      ProgramBuilder& program) {
        if (!in_memory(to) || slice.size() == 0) return;
        program.add(kStore, layer, Store{{at, slice.size()}, region(to, slice)});
        at += slice.size();
    }
    static Region region(const Placement& placement, Slice slice) {
        return {.memory = placement.region.memory,
                .address = placement.region.address + slice.begin,
                .row_bytes = slice.size(),
                .pitch_bytes = slice.size()};
    }

    Spec spec_;
    std::int64_t memory_ = 0;
};

class RowEngineFamily final : public Family {
  public:
    std::string_view name() const override { return "row_engine"; }
    std::shared_ptr<const Device> parse(const ConfigNode& node, const std::string& path,
                                        const FamilyContext& context,
                                        Reading& reading) const override {
        Spec spec = row_engine::schema().read(node, reading, path);
        if (context.memories.empty()) return nullptr;
        return std::make_shared<RowEngine>(std::move(spec), context.memories[0].bytes_per_second);
    }
    std::vector<Resource> resources() const override {
        return {{"MACs", {"macs_per_cycle"}}, {"buffer", {"buffer"}}, {"clock", {"clock"}}};
    }
    nlohmann::ordered_json schema() const override {
        return json_schema_of(row_engine::schema().rule());
    }
};

}  // namespace

std::unique_ptr<const Family> make_family() { return std::make_unique<RowEngineFamily>(); }

}  // namespace perfwatt::row_engine
