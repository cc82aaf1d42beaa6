#include "sim/compiler/placement.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "sim/arch/stripes.h"
#include "sim/base/diagnostics.h"
#include "sim/base/math.h"
#include "sim/compiler/arena.h"
#include "sim/compiler/engines.h"

namespace perfwatt {
namespace {

constexpr std::int64_t kMemoryAlignment = 4096;
/// Blocks of a repeated segment start at equal alignment to any DRAM row and interleaving.
constexpr std::int64_t kBlockAlignment = std::int64_t{1} << 20;
/// Beginnings of the free part of a scratchpad that are told apart.
constexpr std::int64_t kRoomSteps = 16;
/// Large tensors begin there where units are in a memory: in the same bank, so that units find the
/// elements of one beside those of another.
constexpr std::int64_t kUnitAlignment = std::int64_t{1} << 20;
constexpr std::int64_t kLargeBlock = std::int64_t{16} << 20;

Placement in_memory(std::int32_t memory, std::int64_t address, std::int64_t bytes) {
    Placement placement;
    placement.where = Placement::Where::memory;
    placement.region = {.memory = {memory},
                        .address = address,
                        .row_bytes = bytes,
                        .rows = 1,
                        .pitch_bytes = bytes};
    return placement;
}

bool units_in_memory(const std::vector<TargetEngine>& engines) {
    return std::any_of(engines.begin(), engines.end(), [](const TargetEngine& engine) {
        return computes_in_memory(*engine.device);
    });
}

}  // namespace

std::int64_t bytes_of_part(const Root& root, int parts) {
    if (parts <= 1) return root.bytes;
    const std::int64_t outputs = ceil_div<std::int64_t>(root.outputs, parts);
    return std::min(root.bytes, ceil_div(root.bytes * outputs, root.outputs));
}

std::vector<TargetEngine> engines_of(const CompileTarget& target) {
    if (!target.engines.empty()) return target.engines;
    return {{.name = {}, .device = target.device}};
}

Allocator::Allocator(const Graph& graph, const Lowered& lowered, std::vector<int> engine_of,
                     const std::optional<Repeat>& repeat, const CompileTarget& target,
                     const CompileOptions& options)
    : graph_(graph),
      lowered_(lowered),
      repeat_(repeat),
      target_(target),
      options_(options),
      engine_of_(std::move(engine_of)),
      engines_(engines_of(target)) {
    for (const TargetEngine& engine : engines_) chips_.push_back(engine.device->on_chip());
    find_variants();
    find_roots();
    find_divisible();
    find_homes();
}

bool Allocator::sees(int engine, int memory) const {
    if (engine == kHost) return true;
    const std::vector<MemoryId>& seen = engines_[static_cast<std::size_t>(engine)].memories;
    return seen.empty() || std::find(seen.begin(), seen.end(), MemoryId{memory}) != seen.end();
}

int Allocator::home_of(int engine) const {
    if (engine == kHost) return 0;
    const std::vector<MemoryId>& seen = engines_[static_cast<std::size_t>(engine)].memories;
    return seen.empty() ? 0 : seen.front().value;
}

/// Engines whose weights lie in the same memory in the same layout share them.
void Allocator::find_variants() {
    std::map<std::pair<int, std::string>, int> known;
    for (std::size_t e = 0; e < engines_.size(); ++e) {
        const std::pair key(home_of(static_cast<int>(e)), engines_[e].device->weight_layout());
        variant_.push_back(known.emplace(key, static_cast<int>(known.size())).first->second);
    }
}

int Allocator::find_root(TensorId tensor, int engine) {
    const Alias& alias = lowered_.aliases[tensor.index()];
    const Tensor& own = graph_.tensor(alias.root);
    const int variant =
        is_trained(own.role) && engine != kHost ? variant_[static_cast<std::size_t>(engine)] : 0;
    const auto [found, fresh] =
        known_.emplace(std::pair(alias.root, variant), static_cast<int>(roots_.size()));
    if (fresh) {
        roots_.push_back({.id = alias.root, .bytes = own.bytes(), .role = own.role});
        touched_by_.emplace_back();
    }
    const int index = found->second;
    Root& at = roots_[static_cast<std::size_t>(index)];
    at.bytes = std::max(at.bytes, alias.offset_bytes + graph_.tensor(tensor).bytes());
    std::vector<int>& roots = root_of_[tensor.index()];
    if (roots.empty()) roots.assign(engines_.size(), -1);
    roots[static_cast<std::size_t>(variant)] = index;
    return index;
}

int Allocator::root_of(TensorId tensor, int engine) const {
    const std::vector<int>& roots = root_of_[tensor.index()];
    if (roots.empty()) return -1;
    const bool trained = is_trained(graph_.tensor(lowered_.aliases[tensor.index()].root).role);
    const int variant = trained && engine != kHost ? variant_[static_cast<std::size_t>(engine)] : 0;
    return roots[static_cast<std::size_t>(variant)];
}

void Allocator::find_roots() {
    root_of_.resize(graph_.tensors.size());
    for (std::size_t i = 0; i < lowered_.kernels.size(); ++i) {
        const Kernel& kernel = lowered_.kernels[i];
        const auto index = static_cast<int>(i);
        const int engine = engine_of_[i];
        const auto root = [&](TensorId tensor) -> Root& {
            const auto found = static_cast<std::size_t>(find_root(tensor, engine));
            touched_by_[found].insert(engine);
            roots_[found].on_host = roots_[found].on_host || engine == kHost;
            return roots_[found];
        };
        for (const Operand& input : kernel.inputs) {
            Root& at = root(input.tensor);
            if (at.first_use < 0) {
                at.first_use = index;
                at.reuse = lowered_.macs[i] / std::max<std::int64_t>(1, at.bytes);
            }
            at.last_use = index;
        }
        for (const Operand& output : kernel.outputs) {
            Root& at = root(output.tensor);
            if (at.made < 0 && at.first_use < 0) at.made = index;
            at.last_use = std::max(at.last_use, index);
        }
    }
    for (const TensorId output : graph_.outputs) {
        const bool used = !root_of_[output.index()].empty() ||
                          known_.contains({lowered_.aliases[output.index()].root, 0});
        if (used) roots_[static_cast<std::size_t>(find_root(output, kHost))].leaves = true;
    }
}

/// Weights that products of one group use as they are, and nobody else.
void Allocator::find_divisible() {
    for (std::size_t i = 0; i < lowered_.kernels.size(); ++i) {
        const Kernel& kernel = lowered_.kernels[i];
        const auto* work = std::get_if<Contraction>(&kernel.work);
        for (std::size_t j = 0; j < kernel.inputs.size(); ++j) {
            const Operand& input = kernel.inputs[j];
            Root& root = roots_[static_cast<std::size_t>(root_of(input.tensor, engine_of_[i]))];
            if (!is_trained(root.role)) continue;
            const bool may = work != nullptr && j == 1 && work->g == 1 &&
                             input.bytes == root.bytes &&
                             lowered_.aliases[input.tensor.index()].offset_bytes == 0 &&
                             (root.outputs == 0 || root.outputs == work->k);
            root.outputs = may ? work->k : -1;
        }
    }
    for (Root& root : roots_) root.outputs = std::max<std::int64_t>(0, root.outputs);
}

/// Which memory each root lies in, and which others would do.
void Allocator::find_homes() {
    const auto memories = static_cast<int>(target_.memories.size());
    std::set<int> homes;
    for (std::size_t e = 0; e < engines_.size(); ++e) homes.insert(home_of(static_cast<int>(e)));
    for (std::size_t i = 0; i < roots_.size(); ++i) {
        Root& root = roots_[i];
        const std::set<int>& who = touched_by_[i];
        if (who.size() == 1 && *who.begin() != kHost) root.engine = *who.begin();
        const auto seen_by_all = [&](int memory) {
            return std::all_of(who.begin(), who.end(), [&](int e) { return sees(e, memory); });
        };
        const int maker = root.made >= 0
                              ? engine_of_[static_cast<std::size_t>(root.made)]
                              : engine_of_[static_cast<std::size_t>(std::max(0, root.first_use))];
        root.home = home_of(maker);
        for (int m = 0; m < memories && !seen_by_all(root.home); ++m)
            if (seen_by_all(m)) root.home = m;
        if (!seen_by_all(root.home))
            throw UserError(fmt::format("no memory is seen by all engines that touch '{}'",
                                        graph_.tensor(root.id).name),
                            "let them have a memory in common: 'memories' of the engines");
        for (int m = 0; m < memories; ++m)
            if (!homes.contains(m) && seen_by_all(m)) root.shared.push_back(m);
        if (is_trained(root.role) || root.role == TensorRole::state)
            for (const int engine : who) {
                if (engine == kHost) continue;
                const Device& device = *engines_[static_cast<std::size_t>(engine)].device;
                if (root.layout.empty()) root.layout = device.weight_layout();
            }
    }
}

Placement Allocator::placement(const Allocation& allocation, const Operand& operand,
                               int engine) const {
    const auto root = static_cast<std::size_t>(root_of(operand.tensor, engine));
    Placement place = allocation.places[root];
    const std::int64_t offset = lowered_.aliases[operand.tensor.index()].offset_bytes;
    place.layout = roots_[root].layout;
    if (place.where == Placement::Where::on_chip) {
        place.buffer.address += offset;
        if (place.parts == 1) place.buffer.bytes = operand.bytes;
    } else {
        place.region.address += offset;
        place.region.row_bytes = place.region.pitch_bytes = operand.bytes;
    }
    return place;
}

void Allocator::place_activations(Allocation& out, int engine, std::int64_t capacity,
                                  int cores) const {
    const OnChipMemory& chip = chips_[static_cast<std::size_t>(engine)];
    Arena arena(0, std::max<std::int64_t>(1, capacity), chip.alignment);
    for (std::size_t i = 0; i < roots_.size(); ++i) {
        const Root& root = roots_[i];
        // A split kernel leaves its results in several scratchpads; what crosses from core to core
        // goes through memory, as does what crosses from engine to engine.
        const bool may = options_.resident_activations && cores == 1 && capacity > 0 &&
                         root.role == TensorRole::activation && root.made >= 0 &&
                         root.engine == engine && !root.leaves && root.bytes > 0;
        if (!may) continue;
        const auto address = arena.place(root.bytes, root.made, root.last_use);
        if (!address) continue;
        out.places[i].where = Placement::Where::on_chip;
        out.places[i].buffer = {.address = *address, .bytes = root.bytes};
    }
    out.rooms[static_cast<std::size_t>(engine)].on_chip_bytes = arena.top();
    if (repeat_) place_blocks_alike(out, engine);
}

/// What one block of a repeat makes stays on chip only if what the others make in its place does:
/// a block stands for the others.
void Allocator::place_blocks_alike(Allocation& out, int engine) const {
    const int from = repeat_->first_kernel;
    const int end = from + repeat_->kernels_per_block * repeat_->count;
    std::set<int> spilled;  // kernels of a block
    const auto each = [&](auto&& visit) {
        for (std::size_t i = 0; i < roots_.size(); ++i) {
            const Root& root = roots_[i];
            if (root.engine != engine || root.made < from || root.made >= end || root.bytes == 0)
                continue;
            visit((root.made - from) % repeat_->kernels_per_block, i);
        }
    };
    each([&](int place, std::size_t i) {
        if (out.places[i].where == Placement::Where::memory) spilled.insert(place);
    });
    each([&](int place, std::size_t i) {
        if (spilled.contains(place)) out.places[i] = in_memory(0, 0, roots_[i].bytes);
    });
}

/// Weights that must be treated alike: one by one, or those of one place in all repeated blocks.
std::vector<std::vector<int>> Allocator::weight_classes(int engine) const {
    std::map<std::pair<int, int>, std::vector<int>> classes;  // (kernel or place, nth there)
    std::map<int, int> nth;
    for (std::size_t i = 0; i < roots_.size(); ++i) {
        const Root& root = roots_[i];
        if (!is_trained(root.role) || root.first_use < 0 || root.engine != engine ||
            root.bytes == 0)
            continue;
        int place = root.first_use;
        const int count = nth[place]++;
        if (repeat_) {
            const int from = repeat_->first_kernel;
            const int inside = place - from;
            if (inside >= 0 && inside < repeat_->kernels_per_block * repeat_->count)
                place = from + inside % repeat_->kernels_per_block;
        }
        classes[{place, count}].push_back(static_cast<int>(i));
    }
    std::vector<std::vector<int>> out;
    for (auto& [key, members] : classes) out.push_back(std::move(members));
    // Where a byte is used least, fetching it costs most of what the kernel takes.
    std::stable_sort(out.begin(), out.end(), [&](const auto& a, const auto& b) {
        return roots_[static_cast<std::size_t>(a[0])].reuse <
               roots_[static_cast<std::size_t>(b[0])].reuse;
    });
    return out;
}

void Allocator::place_weights(Allocation& out, int engine, const EngineShare& share,
                              std::int64_t begin, std::int64_t end) const {
    const OnChipMemory& chip = chips_[static_cast<std::size_t>(engine)];
    EngineRoom& room = out.rooms[static_cast<std::size_t>(engine)];
    const std::int64_t first = round_up(begin, chip.alignment);
    std::int64_t at = first;
    std::vector<std::size_t> kept;
    const auto parts_of = [&](std::size_t i) {
        return share.divided.empty() || !share.divided[i] ? 1 : share.cores;
    };
    if (options_.resident_weights) {
        for (const std::vector<int>& members : weight_classes(engine)) {
            std::int64_t needed = 0;
            for (const int member : members) {
                const auto i = static_cast<std::size_t>(member);
                needed += round_up(bytes_of_part(roots_[i], parts_of(i)), chip.alignment);
            }
            if (at + needed > end) continue;
            for (const int member : members) {
                const auto i = static_cast<std::size_t>(member);
                kept.push_back(i);
                out.resident[i] = true;
                out.places[i].where = Placement::Where::on_chip;
                out.places[i].parts = parts_of(i);
                const std::int64_t size = bytes_of_part(roots_[i], parts_of(i));
                out.places[i].buffer = {.address = at, .bytes = size};
                at += round_up(size, chip.alignment);
            }
        }
    }
    room.on_chip_bytes += at - begin;
    if (chip.weight_bytes < chip.bytes_per_core) {
        room.free_weights = {.address = at,
                             .bytes = std::max<std::int64_t>(0, begin + chip.weight_bytes - at)};
    } else if (room.begin.empty()) {
        room.free = {.address = at, .bytes = std::max<std::int64_t>(0, chip.bytes_per_core - at)};
    } else {
        // Weights at the end, so that what is free at each kernel is in one piece.
        const std::int64_t top = chip.bytes_per_core / chip.alignment * chip.alignment;
        for (const std::size_t i : kept) out.places[i].buffer.address += top - at;
        room.free = {.address = first, .bytes = std::max<std::int64_t>(0, top - at)};
    }
}

/// Where tiles may begin at each kernel: behind what lives during it. In steps, and alike for all
/// blocks of a repeat, so that kernels alike have mappings alike.
void Allocator::find_begins(Allocation& out, int engine) const {
    const auto e = static_cast<std::size_t>(engine);
    if (dynamic_cast<const RunsStripes*>(engines_[e].device) == nullptr) return;
    const OnChipMemory& chip = chips_[e];
    EngineRoom& room = out.rooms[e];
    const std::int64_t step =
        round_up(std::max<std::int64_t>(1, chip.bytes_per_core / kRoomSteps), chip.alignment);
    const std::int64_t most = round_up(room.on_chip_bytes, chip.alignment);
    room.begin.assign(lowered_.kernels.size(), 0);
    for (std::size_t i = 0; i < roots_.size(); ++i) {
        const Placement& place = out.places[i];
        if (roots_[i].engine != engine || place.where != Placement::Where::on_chip) continue;
        const std::int64_t end =
            std::min(most, round_up(place.buffer.address + place.buffer.bytes, step));
        for (int k = roots_[i].made; k <= roots_[i].last_use; ++k)
            room.begin[static_cast<std::size_t>(k)] =
                std::max(room.begin[static_cast<std::size_t>(k)], end);
    }
    if (!repeat_) return;
    const auto period = static_cast<std::size_t>(repeat_->kernels_per_block);
    const auto from = static_cast<std::size_t>(repeat_->first_kernel);
    const std::size_t all = period * static_cast<std::size_t>(repeat_->count);
    for (std::size_t place = 0; place < period; ++place) {
        std::int64_t end = 0;
        for (std::size_t k = place; k < all; k += period) end = std::max(end, room.begin[from + k]);
        for (std::size_t k = place; k < all; k += period) room.begin[from + k] = end;
    }
}

/// Activations, from where weights, inputs and caches end in each memory: in shared memories while
/// there is room. Without `reuse` no bytes serve two of them, so that engines need not wait for
/// one another's old data. False if that is more than a memory has.
bool Allocator::spill(Allocation& out, const std::vector<std::int64_t>& kept, bool reuse) const {
    std::vector<Arena> shared;
    std::vector<Arena> homes;
    for (std::size_t m = 0; m < target_.memories.size(); ++m) {
        shared.emplace_back(0, target_.memories[m].capacity_bytes, kMemoryAlignment);
        homes.emplace_back(kept[m], 0, kMemoryAlignment);
    }
    const auto end = static_cast<int>(lowered_.kernels.size());
    const bool for_units = units_in_memory(engines_);
    for (std::size_t i = 0; i < roots_.size(); ++i) {
        const Root& root = roots_[i];
        if (root.made < 0 || root.role == TensorRole::state ||
            out.places[i].where == Placement::Where::on_chip)
            continue;
        std::optional<std::int64_t> address;
        int memory = root.home;
        if (!root.leaves && !root.on_host)
            for (const int m : root.shared) {
                address =
                    shared[static_cast<std::size_t>(m)].place(root.bytes, root.made, root.last_use);
                if (!address) continue;
                memory = m;
                break;
            }
        const bool begins_a_row = for_units && root.bytes >= kUnitAlignment;
        if (!address) {
            const int first = reuse ? root.made : 0;
            const int last = root.leaves || !reuse ? end : root.last_use;
            const std::int64_t slack = begins_a_row ? kUnitAlignment : 0;
            address =
                homes[static_cast<std::size_t>(memory)].place(root.bytes + slack, first, last);
            if (begins_a_row) address = round_up(*address, kUnitAlignment);
        }
        out.places[i] = in_memory(memory, *address, root.bytes);
    }
    out.memory_bytes = std::max(kept[0], homes[0].top());
    for (std::size_t m = 0; m < homes.size(); ++m) {
        const std::int64_t capacity = target_.memories[m].capacity_bytes;
        const std::int64_t needed = std::max(kept[m], homes[m].top());
        if (capacity == 0 || needed <= capacity) continue;
        if (!reuse) return false;
        throw UserError(
            fmt::format("network '{}' needs {} bytes of memory '{}', which has {}: weights, inputs "
                        "and caches take {}, activations {}",
                        graph_.name, needed, target_.memories[m].name, capacity, kept[m],
                        needed - kept[m]),
            "fewer bits a weight, a smaller batch or context, or a larger memory");
    }
    return true;
}

void Allocator::place_in_memory(Allocation& out) const {
    // Weights, inputs and caches first, in order of use, blocks of a repeat equally aligned.
    std::vector<std::int64_t> kept(target_.memories.size(), 0);
    std::int64_t block_bytes = 0;
    const auto block_start = [&](int kernel) {
        if (!repeat_ || kernel < repeat_->first_kernel) return -1;
        const int inside = kernel - repeat_->first_kernel;
        if (inside >= repeat_->kernels_per_block * repeat_->count) return -1;
        return inside / repeat_->kernels_per_block;
    };
    for (const Root& root : roots_)
        if (root.made < 0 && block_start(root.first_use) == 1) block_bytes += root.bytes;
    const bool for_units = units_in_memory(engines_);
    int block = -1;
    for (std::size_t i = 0; i < roots_.size(); ++i) {
        const Root& root = roots_[i];
        if (root.made >= 0 && root.role != TensorRole::state) continue;
        const int now = block_start(std::max(root.first_use, root.made));
        if (now >= 0 && now != block && block_bytes >= kLargeBlock)
            for (std::int64_t& at : kept) at = round_up(at, kBlockAlignment);
        block = now;
        std::int64_t& at = kept[static_cast<std::size_t>(root.home)];
        if (for_units && !is_trained(root.role) && root.bytes >= kUnitAlignment)
            at = round_up(at, kUnitAlignment);
        // Resident weights have a home in memory too: they are fetched from it at a cold start.
        if (out.resident[i]) {
            out.places[i].region = in_memory(root.home, at, root.bytes).region;
        } else {
            out.places[i] = in_memory(root.home, at, root.bytes);
        }
        at += round_up(root.bytes, kMemoryAlignment);
    }
    const bool several = engines_.size() > 1;
    if (!several || !spill(out, kept, false)) (void)spill(out, kept, true);
}

void Allocator::place_on_chip(Allocation& out, int engine, const EngineShare& share) const {
    const OnChipMemory& chip = chips_[static_cast<std::size_t>(engine)];
    EngineRoom& room = out.rooms[static_cast<std::size_t>(engine)];
    if (chip.weight_bytes < chip.bytes_per_core) {
        // Activations from 0, weights behind them; each part keeps its share for tiles.
        const auto kept = [&](std::int64_t part) {
            return part - std::min(part, ceil_div(part * share.reserve, chip.bytes_per_core));
        };
        place_activations(out, engine, kept(chip.activation_bytes), share.cores);
        find_begins(out, engine);
        const std::int64_t begin = round_up(room.on_chip_bytes, chip.alignment);
        room.free = {.address = begin,
                     .bytes = std::max<std::int64_t>(0, chip.activation_bytes - begin)};
        place_weights(out, engine, share, chip.activation_bytes,
                      chip.activation_bytes + kept(chip.weight_bytes));
    } else {
        const std::int64_t kept = std::max<std::int64_t>(0, chip.bytes_per_core - share.reserve);
        place_activations(out, engine, kept, share.cores);
        find_begins(out, engine);
        place_weights(out, engine, share, room.on_chip_bytes, kept);
    }
}

Allocation Allocator::allocate(const std::vector<EngineShare>& shares) const {
    Allocation out;
    out.places.resize(roots_.size());
    for (std::size_t i = 0; i < roots_.size(); ++i)
        out.places[i] = in_memory(0, 0, roots_[i].bytes);
    out.resident.assign(roots_.size(), false);
    out.rooms.resize(engines_.size());
    for (std::size_t e = 0; e < engines_.size(); ++e)
        place_on_chip(out, static_cast<int>(e), shares[e]);
    place_in_memory(out);
    return out;
}

}  // namespace perfwatt
