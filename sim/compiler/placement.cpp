#include "sim/compiler/placement.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "sim/base/diagnostics.h"
#include "sim/base/math.h"
#include "sim/compiler/arena.h"

namespace perfwatt {
namespace {

constexpr std::int64_t kMemoryAlignment = 4096;
/// Blocks of a repeated segment start at equal alignment to any DRAM row and interleaving.
constexpr std::int64_t kBlockAlignment = std::int64_t{1} << 20;
constexpr std::int64_t kLargeBlock = std::int64_t{16} << 20;

bool is_trained(TensorRole role) {
    return role == TensorRole::weight || role == TensorRole::constant;
}

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

}  // namespace

Allocator::Allocator(const Graph& graph, const Lowered& lowered, const std::vector<bool>& on_host,
                     const std::optional<Repeat>& repeat, const CompileTarget& target,
                     const CompileOptions& options)
    : graph_(graph),
      lowered_(lowered),
      repeat_(repeat),
      target_(target),
      options_(options),
      chip_(target.device->on_chip()) {
    find_roots(on_host);
}

void Allocator::find_roots(const std::vector<bool>& on_host) {
    root_of_.assign(graph_.tensors.size(), -1);
    std::map<TensorId, int> known;
    const auto root = [&](TensorId tensor) -> Root& {
        const Alias& alias = lowered_.aliases[tensor.index()];
        const auto [found, fresh] = known.emplace(alias.root, static_cast<int>(roots_.size()));
        if (fresh) {
            const Tensor& own = graph_.tensor(alias.root);
            roots_.push_back({.id = alias.root, .bytes = own.bytes(), .role = own.role});
        }
        Root& at = roots_[static_cast<std::size_t>(found->second)];
        at.bytes = std::max(at.bytes, alias.offset_bytes + graph_.tensor(tensor).bytes());
        root_of_[tensor.index()] = found->second;
        return at;
    };
    for (std::size_t i = 0; i < lowered_.kernels.size(); ++i) {
        const Kernel& kernel = lowered_.kernels[i];
        const auto index = static_cast<int>(i);
        for (const Operand& input : kernel.inputs) {
            Root& at = root(input.tensor);
            if (at.first_use < 0) {
                at.first_use = index;
                at.reuse = lowered_.macs[i] / std::max<std::int64_t>(1, at.bytes);
            }
            at.last_use = index;
            at.on_host = at.on_host || on_host[i];
        }
        for (const Operand& output : kernel.outputs) {
            Root& at = root(output.tensor);
            if (at.made < 0 && at.first_use < 0) at.made = index;
            at.last_use = std::max(at.last_use, index);
            at.on_host = at.on_host || on_host[i];
        }
    }
    for (const TensorId output : graph_.outputs)
        if (root_of_[output.index()] >= 0 || known.contains(lowered_.aliases[output.index()].root))
            root(output).leaves = true;
}

Placement Allocator::placement(const Allocation& allocation, const Operand& operand) const {
    const int root = root_of(operand.tensor);
    Placement place = allocation.places[static_cast<std::size_t>(root)];
    const std::int64_t offset = lowered_.aliases[operand.tensor.index()].offset_bytes;
    if (place.where == Placement::Where::on_chip) {
        place.buffer.address += offset;
        place.buffer.bytes = operand.bytes;
    } else {
        place.region.address += offset;
        place.region.row_bytes = place.region.pitch_bytes = operand.bytes;
    }
    return place;
}

void Allocator::place_activations(Allocation& out, std::int64_t capacity, int cores) const {
    Arena arena(0, std::max<std::int64_t>(1, capacity), chip_.alignment);
    for (std::size_t i = 0; i < roots_.size(); ++i) {
        const Root& root = roots_[i];
        // A split kernel leaves its results in several scratchpads; what crosses from core to core
        // goes through memory.
        const bool may = options_.resident_activations && cores == 1 && capacity > 0 &&
                         root.role == TensorRole::activation && root.made >= 0 && !root.on_host &&
                         !root.leaves && root.bytes > 0;
        if (!may) continue;
        const auto address = arena.place(root.bytes, root.made, root.last_use);
        if (!address) continue;
        out.places[i].where = Placement::Where::on_chip;
        out.places[i].buffer = {.address = *address, .bytes = root.bytes};
    }
    out.on_chip_bytes = arena.top();
}

/// Weights that must be treated alike: one by one, or those of one place in all repeated blocks.
std::vector<std::vector<int>> Allocator::weight_classes() const {
    std::map<std::pair<int, int>, std::vector<int>> classes;  // (kernel or place, nth there)
    std::map<int, int> nth;
    for (std::size_t i = 0; i < roots_.size(); ++i) {
        const Root& root = roots_[i];
        if (!is_trained(root.role) || root.first_use < 0 || root.on_host || root.bytes == 0)
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

void Allocator::place_weights(Allocation& out, std::int64_t begin, std::int64_t end) const {
    std::int64_t at = round_up(begin, chip_.alignment);
    if (options_.resident_weights) {
        for (const std::vector<int>& members : weight_classes()) {
            std::int64_t needed = 0;
            for (const int member : members)
                needed += round_up(roots_[static_cast<std::size_t>(member)].bytes, chip_.alignment);
            if (at + needed > end) continue;
            for (const int member : members) {
                const auto i = static_cast<std::size_t>(member);
                out.resident[i] = true;
                out.places[i].where = Placement::Where::on_chip;
                out.places[i].buffer = {.address = at, .bytes = roots_[i].bytes};
                at += round_up(roots_[i].bytes, chip_.alignment);
            }
        }
    }
    out.on_chip_bytes += at - begin;
    if (chip_.weight_bytes < chip_.bytes_per_core) {
        out.free_weights = {.address = at,
                            .bytes = std::max<std::int64_t>(0, begin + chip_.weight_bytes - at)};
    } else {
        out.free = {.address = at, .bytes = std::max<std::int64_t>(0, chip_.bytes_per_core - at)};
    }
}

void Allocator::place_in_memory(Allocation& out) const {
    // Weights, inputs and caches first, in order of use, blocks of a repeat equally aligned.
    std::int64_t at = 0;
    std::int64_t block_bytes = 0;
    const auto block_start = [&](int kernel) {
        if (!repeat_ || kernel < repeat_->first_kernel) return -1;
        const int inside = kernel - repeat_->first_kernel;
        if (inside >= repeat_->kernels_per_block * repeat_->count) return -1;
        return inside / repeat_->kernels_per_block;
    };
    for (const Root& root : roots_)
        if (root.made < 0 && block_start(root.first_use) == 1) block_bytes += root.bytes;
    int block = -1;
    for (std::size_t i = 0; i < roots_.size(); ++i) {
        const Root& root = roots_[i];
        if (root.made >= 0 && root.role != TensorRole::state) continue;
        const int now = block_start(std::max(root.first_use, root.made));
        if (now >= 0 && now != block && block_bytes >= kLargeBlock)
            at = round_up(at, kBlockAlignment);
        block = now;
        // Resident weights have a home in memory too: they are fetched from it at a cold start.
        if (out.resident[i]) {
            out.places[i].region = in_memory(0, at, root.bytes).region;
        } else {
            out.places[i] = in_memory(0, at, root.bytes);
        }
        at += round_up(root.bytes, kMemoryAlignment);
    }
    std::vector<Arena> shared;
    for (std::size_t m = 1; m < target_.memories.size(); ++m)
        shared.emplace_back(0, target_.memories[m].capacity_bytes, kMemoryAlignment);
    Arena spilled(at, 0, kMemoryAlignment);
    for (std::size_t i = 0; i < roots_.size(); ++i) {
        const Root& root = roots_[i];
        if (root.made < 0 || root.role == TensorRole::state ||
            out.places[i].where == Placement::Where::on_chip)
            continue;
        std::optional<std::int64_t> address;
        std::int32_t memory = 0;
        for (std::size_t m = 0; m < shared.size() && !address && !root.leaves && !root.on_host;
             ++m) {
            address = shared[m].place(root.bytes, root.made, root.last_use);
            if (address) memory = static_cast<std::int32_t>(m) + 1;
        }
        const int last = root.leaves ? static_cast<int>(lowered_.kernels.size()) : root.last_use;
        if (!address) address = spilled.place(root.bytes, root.made, last);
        out.places[i] = in_memory(memory, *address, root.bytes);
    }
    out.memory_bytes = std::max(at, spilled.top());
    const std::int64_t capacity = target_.memories[0].capacity_bytes;
    if (capacity > 0 && out.memory_bytes > capacity)
        throw UserError(
            fmt::format("network '{}' needs {} bytes of memory '{}', which has {}: weights, inputs "
                        "and caches take {}, activations {}",
                        graph_.name, out.memory_bytes, target_.memories[0].name, capacity, at,
                        out.memory_bytes - at),
            "fewer bits a weight, a smaller batch or context, or a larger memory");
}

Allocation Allocator::allocate(std::int64_t reserve, int cores) const {
    Allocation out;
    out.places.resize(roots_.size());
    for (std::size_t i = 0; i < roots_.size(); ++i)
        out.places[i] = in_memory(0, 0, roots_[i].bytes);
    out.resident.assign(roots_.size(), false);
    const bool parts = chip_.weight_bytes < chip_.bytes_per_core;
    if (parts) {
        // Activations from 0, weights behind them; each part keeps its share for tiles.
        const auto kept = [&](std::int64_t part) {
            return part - std::min(part, ceil_div(part * reserve, chip_.bytes_per_core));
        };
        place_activations(out, kept(chip_.activation_bytes), cores);
        const std::int64_t begin = round_up(out.on_chip_bytes, chip_.alignment);
        out.free = {.address = begin,
                    .bytes = std::max<std::int64_t>(0, chip_.activation_bytes - begin)};
        place_weights(out, chip_.activation_bytes,
                      chip_.activation_bytes + kept(chip_.weight_bytes));
    } else {
        const std::int64_t kept = std::max<std::int64_t>(0, chip_.bytes_per_core - reserve);
        place_activations(out, kept, cores);
        place_weights(out, out.on_chip_bytes, kept);
    }
    place_in_memory(out);
    return out;
}

}  // namespace perfwatt
