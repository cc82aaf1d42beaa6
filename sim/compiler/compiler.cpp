#include "sim/compiler/compiler.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "sim/base/diagnostics.h"
#include "sim/base/math.h"
#include "sim/compiler/passes.h"
#include "sim/compiler/placement.h"
#include "sim/compiler/precision.h"
#include "sim/graph/operators.h"
#include "sim/program/program_text.h"

namespace perfwatt {
namespace {

/// Shares of the scratchpad tried for tiles, in parts of kWhole; what is left keeps tensors.
constexpr std::int64_t kWhole = 16;
constexpr std::int64_t kReserves[] = {2, 4, 8, 16};

/// A longer program is a mistake in a size rather than an experiment: it would run for hours.
constexpr std::size_t kMostCommands = 5'000'000;

/// All kernels mapped under one allocation.
struct Plan {
    Allocation allocation;
    std::vector<MappingChoice> choices;  ///< by kernel
    Time cost;
    int cores = 1;
};

class Compiler {
  public:
    Compiler(Graph& graph, const CompileTarget& target, const CompileOptions& options)
        : graph_(graph),
          target_(target),
          options_(options),
          precision_(precision_from(options.precision)) {
        PERFWATT_CHECK(target.device != nullptr && !target.memories.empty(),
                       "nothing to compile for");
        for (const std::string& pass : options.dump_after)
            if (std::find(pass_names().begin(), pass_names().end(), pass) == pass_names().end())
                throw UserError(fmt::format("there is no pass '{}'", pass),
                                fmt::format("one of {}", fmt::join(pass_names(), ", ")));
    }

    /// All passes up to the mapping of every kernel; why nothing fits, or nothing.
    std::optional<Infeasible> plan() {
        out_.graph_macs = macs(graph_) * options_.runs;
        for (std::string& note : fold(graph_)) out_.notes.push_back(std::move(note));
        dump("fold", [&] { return to_text(graph_); });
        check_shapes(graph_);
        dump("infer", [&] { return to_text(graph_); });
        quantise(graph_, precision_);
        dump("quantise", [&] { return to_text(graph_); });
        const std::vector<FusionGroup> groups = fuse(graph_, options_.fuse, accepts());
        dump("fuse", [&] { return to_text(graph_, groups); });
        fused_attention_ = std::any_of(groups.begin(), groups.end(), [](const FusionGroup& group) {
            return group.attention.has_value();
        });
        lowered_ = lower(graph_, groups, precision_);
        dump("lower", [&] { return to_text(lowered_); });
        place();
        dump("place", [&] { return placed_text(); });
        repeat_ = find_repeat(lowered_);
        return map();
    }

    /// Whether some kernel is a whole attention.
    [[nodiscard]] bool fused_attention() const { return fused_attention_; }
    [[nodiscard]] Time predicted() const { return out_.predicted; }
    /// Mappings found so far serve another plan of the same device.
    void share_mappings(Compiler& other) { memo_ = other.memo_; }

    /// After plan(): the program.
    Compiled finish() {
        dump("map", [&] { return mapped_text(); });
        dump("allocate", [&] { return allocated_text(); });
        emit();
        dump("emit", [&] { return to_text(out_.program); });
        bound();
        return std::move(out_);
    }

  private:
    template <class Text>
    void dump(const char* pass, Text&& text) {
        const auto& wanted = options_.dump_after;
        if (std::find(wanted.begin(), wanted.end(), pass) != wanted.end())
            out_.dumps.emplace_back(pass, text());
    }

    /// Whether the device does attention as one kernel. Mappings given for its products, or for
    /// the softmax between, are those of separate kernels.
    [[nodiscard]] Accepts accepts() const {
        if (!options_.fuse_attention) return {};
        if (!options_.mappings.empty())
            for (const FoundAttention& found : find_attention(graph_))
                for (const NodeId member : found.members)
                    if (member != found.values &&
                        options_.mappings.contains(graph_.nodes[member.index()].name))
                        return {};
        return [this](const Kernel& kernel) { return !target_.device->refuses(kernel); };
    }

    /// The device takes what it can, the host the rest if there is one.
    void place() {
        std::vector<Diagnostic> wrong;
        for (const Kernel& kernel : lowered_.kernels) {
            const std::optional<Infeasible> refused = target_.device->refuses(kernel);
            on_host_.push_back(refused.has_value());
            if (!refused) continue;
            const bool possible = std::holds_alternative<HostWork>(kernel.work);
            if (possible && target_.host) {
                out_.host_operations += std::get<HostWork>(kernel.work).operations;
                continue;
            }
            wrong.push_back(
                {.severity = Severity::error,
                 .place = {.file = graph_.file, .line = 0, .column = 0},
                 .message = fmt::format("operator '{}' of node '{}' cannot run: {}",
                                        kernel.operator_type, kernel.name, refused->reason),
                 .hint = possible ? "declare a host with a rate in the chip's YAML" : "",
                 .source_line = {}});
            if (wrong.size() >= 20) break;
        }
        if (!wrong.empty()) throw UserError(std::move(wrong));
    }

    /// A mapping given for a kernel that the network lacks would be passed over in silence.
    void check_given_mappings() const {
        std::vector<std::string> names;
        for (const Kernel& kernel : lowered_.kernels) names.push_back(kernel.name);
        for (const auto& [name, mapping] : options_.mappings)
            if (std::find(names.begin(), names.end(), name) == names.end())
                throw UserError(fmt::format("a mapping is given for kernel '{}', of which "
                                            "network '{}' has none",
                                            name, graph_.name),
                                did_you_mean(name, names));
    }

    std::optional<Infeasible> map() {
        check_given_mappings();
        const Allocator allocator(graph_, lowered_, on_host_, repeat_, target_, options_);
        std::optional<Plan> best;
        std::optional<Infeasible> problem;
        const OnChipMemory chip = target_.device->on_chip();
        // A single core keeps activations in its scratchpad, several pass them through memory:
        // leaving cores unused may be faster.
        for (int cores = chip.cores;; cores = 1) {
            for (const std::int64_t reserve : kReserves) {
                std::variant<Plan, Infeasible> plan =
                    plan_with(allocator, ceil_div(chip.bytes_per_core * reserve, kWhole), cores);
                if (auto* misfit = std::get_if<Infeasible>(&plan)) {
                    problem = *misfit;
                    continue;
                }
                Plan& found = std::get<Plan>(plan);
                if (!best || found.cost < best->cost) best = std::move(found);
            }
            if (cores <= 1) break;
        }
        if (!best) return problem;
        plan_ = std::move(*best);
        out_.predicted = options_.runs * plan_.cost;
        allocator_ = std::make_unique<Allocator>(allocator);
        describe_places();
        return std::nullopt;
    }

    MappingRequest request_for(const Allocator& allocator, const Plan& plan,
                               std::size_t kernel) const {
        const Allocation& allocation = plan.allocation;
        MappingRequest request;
        request.kernel = &lowered_.kernels[kernel];
        for (const Operand& input : request.kernel->inputs)
            request.inputs.push_back(allocator.placement(allocation, input));
        for (const Operand& output : request.kernel->outputs)
            request.outputs.push_back(allocator.placement(allocation, output));
        request.free = allocation.free;
        request.free_weights = allocation.free_weights;
        request.effort = options_.effort;
        request.from_top = kernel % 2 == 1;
        request.cores = plan.cores;
        return request;
    }

    static std::string memo_key(const MappingRequest& request) {
        std::string key = signature(*request.kernel);
        const auto where = [&](const Placement& placement) {
            key += placement.where == Placement::Where::on_chip
                       ? ",c"
                       : fmt::format(",{}", placement.region.memory.value);
        };
        for (const Placement& input : request.inputs) where(input);
        for (const Placement& output : request.outputs) where(output);
        key += fmt::format(" free {} {}", request.free.bytes, request.free_weights.bytes);
        key += fmt::format(" cores {}", request.cores);
        return key;
    }

    Time host_time(const HostWork& work) const {
        return target_.host->latency +
               transfer_time(work.operations, target_.host->operations_per_second) +
               transfer_time(work.bytes, target_.host->bytes_per_second);
    }

    /// Activations that pass through a memory are written to its end before they are read.
    Time handover_time(const MappingRequest& request) const {
        Time longest;
        for (std::size_t i = 0; i < request.inputs.size(); ++i) {
            const Placement& place = request.inputs[i];
            if (place.where == Placement::Where::on_chip ||
                request.kernel->inputs[i].role != TensorRole::activation)
                continue;
            const std::size_t memory = place.region.memory.index();
            longest = std::max(longest, 2 * target_.memories[memory].latency);
        }
        return longest;
    }

    std::variant<Plan, Infeasible> plan_with(const Allocator& allocator, std::int64_t reserve,
                                             int cores) {
        Plan plan;
        plan.cores = cores;
        plan.allocation = allocator.allocate(reserve, cores);
        for (std::size_t i = 0; i < lowered_.kernels.size(); ++i) {
            const Kernel& kernel = lowered_.kernels[i];
            if (on_host_[i]) {
                const Time time = host_time(std::get<HostWork>(kernel.work));
                plan.choices.push_back({.mapping = {}, .cost = time, .bound = time});
                plan.cost += time;
                continue;
            }
            const MappingRequest request = request_for(allocator, plan, i);
            const auto given = options_.mappings.find(kernel.name);
            if (given != options_.mappings.end() && !given->second.empty()) {
                const auto cost = target_.device->cost(request, given->second);
                if (const auto* misfit = std::get_if<Infeasible>(&cost))
                    return Infeasible{fmt::format("kernel '{}' ({}): {}", kernel.name,
                                                  kernel.operator_type, misfit->reason)};
                plan.choices.push_back({.mapping = given->second, .cost = std::get<Time>(cost)});
                plan.cost += plan.choices.back().cost + handover_time(request);
                continue;
            }
            const std::string key = memo_key(request);
            auto known = memo_.find(key);
            if (known == memo_.end()) {
                auto choice = target_.device->map(request);
                if (const auto* found = std::get_if<MappingChoice>(&choice))
                    out_.candidates += found->candidates;
                known = memo_.emplace(key, std::move(choice)).first;
            }
            if (const auto* misfit = std::get_if<Infeasible>(&known->second))
                return Infeasible{fmt::format("kernel '{}' ({}): {}", kernel.name,
                                              kernel.operator_type, misfit->reason)};
            plan.choices.push_back(std::get<MappingChoice>(known->second));
            plan.cost += plan.choices.back().cost + handover_time(request);
        }
        return plan;
    }

    void describe_places() {
        const std::vector<Root>& roots = allocator_->roots();
        for (std::size_t i = 0; i < roots.size(); ++i)
            out_.places.push_back({.tensor = graph_.tensor(roots[i].id).name,
                                   .role = roots[i].role,
                                   .bytes = roots[i].bytes,
                                   .placement = plan_.allocation.places[i],
                                   .resident = plan_.allocation.resident[i]});
        out_.on_chip_bytes = plan_.allocation.on_chip_bytes;
        out_.memory_bytes = plan_.allocation.memory_bytes;
        if (precision_.weights == DataType::int4 && is_floating(precision_.activations))
            out_.not_modelled.push_back("scales of 4-bit weight groups: their bytes and products");
    }

    // --- emission

    /// Kernels in the order they are emitted: of a repeated segment only the first blocks, if
    /// asked.
    std::vector<int> emitted_kernels() {
        std::vector<int> order;
        const auto kernels = static_cast<int>(lowered_.kernels.size());
        int skip_from = kernels;
        int skip_to = kernels;
        if (repeat_) {
            repeat_->blocks_emitted = repeat_->count;
            if (options_.blocks_emitted > 0 && options_.runs == 1) {
                repeat_->blocks_emitted =
                    std::min(repeat_->count, std::max(3, options_.blocks_emitted));
                skip_from =
                    repeat_->first_kernel + repeat_->kernels_per_block * repeat_->blocks_emitted;
                skip_to = repeat_->first_kernel + repeat_->kernels_per_block * repeat_->count;
            }
        }
        for (int i = 0; i < kernels; ++i)
            if (i < skip_from || i >= skip_to) order.push_back(i);
        if (skip_from < skip_to) join(skip_from, skip_to);
        return order;
    }

    /// What follows the segment reads what the last emitted block made, not the last block.
    void join(int skip_from, int skip_to) {
        const int shift = skip_to - skip_from;
        for (int i = skip_to - repeat_->kernels_per_block; i < skip_to; ++i) {
            const Kernel& last = lowered_.kernels[static_cast<std::size_t>(i)];
            const Kernel& stands_for = lowered_.kernels[static_cast<std::size_t>(i - shift)];
            for (std::size_t j = 0; j < last.outputs.size(); ++j) {
                const int from = allocator_->root_of(last.outputs[j].tensor);
                const int to = allocator_->root_of(stands_for.outputs[j].tensor);
                plan_.allocation.places[static_cast<std::size_t>(from)] =
                    plan_.allocation.places[static_cast<std::size_t>(to)];
            }
        }
    }

    void emit() {
        std::vector<Unit> units = target_.device->units();
        if (target_.host) {
            host_ = {static_cast<std::int32_t>(units.size())};
            units.push_back({.name = "host", .kind = UnitKind::host, .core = 0});
        }
        std::vector<std::string> memories;
        for (const TargetMemory& memory : target_.memories) memories.push_back(memory.name);
        ProgramBuilder program(std::move(units), std::move(memories));

        for (std::size_t i = 0; i < lowered_.kernels.size(); ++i) {
            const Kernel& kernel = lowered_.kernels[i];
            out_.kernels.push_back({.name = kernel.name,
                                    .operator_type = kernel.operator_type,
                                    .engine = on_host_[i] ? "host" : "device",
                                    .choice = plan_.choices[i]});
        }
        const std::vector<int> order = emitted_kernels();
        for (int run = 0; run < options_.runs; ++run) {
            for (const int index : order) {
                emit_kernel(static_cast<std::size_t>(index), program);
                if (program.program().commands.size() > kMostCommands)
                    throw UserError(
                        fmt::format("'{}' takes more than {} commands", graph_.name, kMostCommands),
                        "a smaller batch or context, or a larger scratchpad for larger tiles");
            }
            out_.run_ends.push_back(program.program().commands.size());
        }
        if (repeat_) {
            repeat_->first_layer =
                out_.kernels[static_cast<std::size_t>(repeat_->first_kernel)].layer;
            repeat_->layers_per_block = repeat_->kernels_per_block;
            out_.repeat = repeat_;
        }
        out_.program = program.take();
    }

    /// Runs of one kernel share its layer.
    void emit_kernel(std::size_t i, ProgramBuilder& program) {
        const Kernel& kernel = lowered_.kernels[i];
        int& layer_of_kernel = out_.kernels[i].layer;
        if (layer_of_kernel < 0)
            layer_of_kernel = program
                                  .add_layer({.name = kernel.name,
                                              .operator_type = kernel.operator_type,
                                              .macs = lowered_.macs[i] * options_.runs})
                                  .value;
        const LayerId layer{layer_of_kernel};
        const MappingRequest request = request_for(*allocator_, plan_, i);
        if (on_host_[i]) {
            emit_host(kernel, request, layer, program);
            return;
        }
        if (options_.start == Start::cold) fetch_resident(kernel, layer, program);
        target_.device->emit(request, plan_.choices[i].mapping, layer, program);
    }

    void emit_host(const Kernel& kernel, const MappingRequest& request, LayerId layer,
                   ProgramBuilder& program) {
        const HostWork& work = std::get<HostWork>(kernel.work);
        const CommandId done = program.add(
            host_, layer, Delay{.duration = host_time(work), .operations = work.operations});
        for (const Placement& input : request.inputs) program.reads(done, input.region);
        for (const Placement& output : request.outputs) program.writes(done, output.region);
    }

    /// At a cold start, weights that stay on chip are fetched before their first use, by each core.
    void fetch_resident(const Kernel& kernel, LayerId layer, ProgramBuilder& program) {
        for (const Operand& input : kernel.inputs) {
            const auto root = static_cast<std::size_t>(allocator_->root_of(input.tensor));
            if (!plan_.allocation.resident[root] || !fetched_.insert(root).second) continue;
            const Placement& place = plan_.allocation.places[root];
            int core = -1;
            const std::vector<Unit>& units = program.program().units;
            for (std::size_t u = 0; u < units.size(); ++u) {
                if (units[u].kind != UnitKind::dma || units[u].core <= core) continue;
                if (units[u].core >= plan_.cores) break;
                core = units[u].core;  // the first engine of each core
                program.add({static_cast<std::int32_t>(u)}, layer,
                            Load{place.region, place.buffer});
            }
        }
    }

    // --- bounds

    void bound() {
        const Program& program = out_.program;
        std::vector<LayerBound>& layers = out_.layer_bounds;
        layers.resize(program.layers.size());
        std::vector<std::vector<Moved>>& moved = out_.moved;
        moved.assign(program.layers.size(), std::vector<Moved>(target_.memories.size()));
        std::vector<std::int64_t> operations(program.layers.size(), 0);
        std::map<std::pair<DataType, DataType>, std::vector<std::int64_t>> useful;
        for (const Command& command : program.commands) {
            const std::size_t layer = command.layer.index();
            if (const auto* load = std::get_if<Load>(&command.work)) {
                moved[layer][load->source.memory.index()].read += load->source.bytes();
            } else if (const auto* store = std::get_if<Store>(&command.work)) {
                moved[layer][store->target.memory.index()].written += store->target.bytes();
            } else if (const auto* tile = std::get_if<Contract>(&command.work)) {
                auto& by_layer = useful[{tile->first_type, tile->second_type}];
                by_layer.resize(program.layers.size(), 0);
                by_layer[layer] += tile->useful_macs;
            } else if (const auto* vector = std::get_if<Vector>(&command.work)) {
                operations[layer] += vector->operations;
            }
        }
        for (const auto& [types, by_layer] : useful) {
            const std::int64_t peak =
                target_.device->peak(types.first, types.second).macs_per_second;
            for (std::size_t i = 0; i < layers.size(); ++i)
                layers[i].compute += transfer_time(by_layer[i], peak);
        }
        const std::int64_t lanes =
            target_.device->peak(DataType::int8, DataType::int8).vector_operations_per_second;
        for (std::size_t i = 0; i < layers.size(); ++i) {
            if (operations[i] > 0) layers[i].vector = transfer_time(operations[i], lanes);
            layers[i].memory = memory_bound(moved[i], target_.memories);
            out_.bound.compute += layers[i].compute;
            out_.bound.vector += layers[i].vector;
        }
        std::vector<Moved> total(target_.memories.size());
        for (const std::vector<Moved>& layer : moved) add_moved(total, layer);
        out_.bound.memory = memory_bound(total, target_.memories);
        out_.memories = target_.memories;
    }

    // --- texts

    std::string placed_text() const {
        std::string text;
        for (std::size_t i = 0; i < lowered_.kernels.size(); ++i)
            text += fmt::format("{} {} \"{}\": {}\n", i, lowered_.kernels[i].operator_type,
                                lowered_.kernels[i].name, on_host_[i] ? "host" : "device");
        return text;
    }

    std::string mapped_text() const {
        std::string text;
        for (std::size_t i = 0; i < lowered_.kernels.size(); ++i) {
            const MappingChoice& choice = plan_.choices[i];
            text += fmt::format("{} {} \"{}\": cost_ns {:.9g} bound_ns {:.9g} candidates {}", i,
                                lowered_.kernels[i].operator_type, lowered_.kernels[i].name,
                                choice.cost.ns(), choice.bound.ns(), choice.candidates);
            for (const auto& [key, value] : choice.mapping)
                text += fmt::format(" {}={}", key, value);
            for (const auto& [reason, count] : choice.rejected)
                text += fmt::format("; {}: {}", reason, count);
            text += '\n';
        }
        return text;
    }

    std::string allocated_text() const {
        std::string text;
        for (const TensorPlace& place : out_.places) {
            const bool chip = place.placement.where == Placement::Where::on_chip;
            text += fmt::format("\"{}\" {} bytes: ", place.tensor, place.bytes);
            text += chip ? fmt::format("on chip at {}{}\n", place.placement.buffer.address,
                                       place.resident ? ", resident" : "")
                         : fmt::format("memory {} at {}\n", place.placement.region.memory.value,
                                       place.placement.region.address);
        }
        return text;
    }

    Graph& graph_;
    const CompileTarget& target_;
    const CompileOptions& options_;
    Precision precision_;
    Compiled out_;
    Lowered lowered_;
    std::vector<bool> on_host_;
    bool fused_attention_ = false;
    std::optional<Repeat> repeat_;
    std::unique_ptr<Allocator> allocator_;
    Plan plan_;
    std::map<std::string, std::variant<MappingChoice, Infeasible>> memo_;
    std::set<std::size_t> fetched_;
    UnitId host_;
};

}  // namespace

void add_moved(std::vector<Moved>& total, const std::vector<Moved>& more) {
    for (std::size_t m = 0; m < more.size(); ++m) {
        total[m].read += more[m].read;
        total[m].written += more[m].written;
    }
}

Time memory_bound(const std::vector<Moved>& moved, const std::vector<TargetMemory>& memories) {
    Time longest;
    for (std::size_t m = 0; m < moved.size(); ++m) {
        const TargetMemory& memory = memories[m];
        const std::int64_t both_ways = memory.both_ways_bytes_per_second > 0
                                           ? memory.both_ways_bytes_per_second
                                           : memory.bytes_per_second;
        const std::int64_t most = std::max(moved[m].read, moved[m].written);
        longest = std::max({longest, transfer_time(most, memory.bytes_per_second),
                            transfer_time(moved[m].read + moved[m].written, both_ways)});
    }
    return longest;
}

Time LayerBound::time() const { return std::max({compute, vector, memory}); }

const std::vector<std::string>& pass_names() {
    static const std::vector<std::string> names = {"fold",  "infer", "quantise", "fuse", "lower",
                                                   "place", "map",   "allocate", "emit"};
    return names;
}

std::variant<Compiled, Infeasible> compile(Graph graph, const CompileTarget& target,
                                           const CompileOptions& options) {
    Graph copy = graph;
    Compiler compiler(graph, target, options);
    std::optional<Infeasible> problem = compiler.plan();
    if (compiler.fused_attention() && options.mappings.empty()) {
        // Attention as one kernel is worth it where its plan costs less than that of its parts.
        CompileOptions apart = options;
        apart.fuse_attention = false;
        Compiler other(copy, target, apart);
        other.share_mappings(compiler);
        const std::optional<Infeasible> misfit = other.plan();
        if (!misfit && (problem || other.predicted() < compiler.predicted())) return other.finish();
    }
    if (problem) return *problem;
    return compiler.finish();
}

}  // namespace perfwatt
