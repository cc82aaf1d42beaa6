#include "sim/compiler/emission.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "sim/base/diagnostics.h"

namespace perfwatt {
namespace {

/// A longer program is a mistake in a size rather than an experiment: it would run for hours.
constexpr std::size_t kMostCommands = 5'000'000;

class Emitter {
  public:
    Emitter(const Planner& planner, Plan& plan, const Lowered& lowered,
            std::optional<Repeat> repeat, const CompileTarget& target,
            const CompileOptions& options, Compiled& out)
        : planner_(planner),
          plan_(plan),
          lowered_(lowered),
          repeat_(repeat),
          target_(target),
          options_(options),
          engines_(planner.engines()),
          out_(out),
          units_(target_units(target)),
          program_(units_.units, memory_names()) {}

    void run(const std::string& network) {
        const std::vector<int> order = emitted_kernels();
        for (int run = 0; run < options_.runs; ++run) {
            for (const int index : order) {
                emit_kernel(static_cast<std::size_t>(index));
                if (program_.program().commands.size() > kMostCommands)
                    throw UserError(
                        fmt::format("'{}' takes more than {} commands", network, kMostCommands),
                        "a smaller batch or context, or a larger scratchpad for larger tiles");
            }
            out_.run_ends.push_back(program_.program().commands.size());
        }
        if (repeat_) {
            repeat_->first_layer =
                out_.kernels[static_cast<std::size_t>(repeat_->first_kernel)].layer;
            repeat_->layers_per_block = repeat_->kernels_per_block;
            out_.repeat = repeat_;
        }
        out_.program = program_.take();
    }

  private:
    [[nodiscard]] std::vector<std::string> memory_names() const {
        std::vector<std::string> names;
        for (const TargetMemory& memory : target_.memories) names.push_back(memory.name);
        return names;
    }

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
            const int engine = plan_.engine_of[static_cast<std::size_t>(i)];
            const Kernel& last = lowered_.kernels[static_cast<std::size_t>(i)];
            const Kernel& stands_for = lowered_.kernels[static_cast<std::size_t>(i - shift)];
            for (std::size_t j = 0; j < last.outputs.size(); ++j) {
                const int from = root_of(last.outputs[j], engine);
                const int to = root_of(stands_for.outputs[j], engine);
                plan_.allocation.places[static_cast<std::size_t>(from)] =
                    plan_.allocation.places[static_cast<std::size_t>(to)];
                stands_for_[from] = to;
            }
        }
    }

    [[nodiscard]] int root_of(const Operand& operand, int engine) const {
        return plan_.allocator->root_of(operand.tensor, engine);
    }

    /// Runs of one kernel, and what it was cut into, share its layer.
    LayerId layer_of(std::size_t i) {
        const bool cut = !lowered_.layers.empty();
        const std::size_t row = cut ? static_cast<std::size_t>(lowered_.layer_of[i]) : i;
        const auto [found, fresh] = layers_.emplace(row, -1);
        if (fresh) {
            const Kernel& kernel = lowered_.kernels[i];
            const LoweredLayer layer = cut ? lowered_.layers[row]
                                           : LoweredLayer{.name = kernel.name,
                                                          .operator_type = kernel.operator_type,
                                                          .macs = lowered_.macs[i]};
            found->second = program_
                                .add_layer({.name = layer.name,
                                            .operator_type = layer.operator_type,
                                            .macs = layer.macs * options_.runs})
                                .value;
        }
        out_.kernels[i].layer = found->second;
        return {found->second};
    }

    void emit_kernel(std::size_t i) {
        const Kernel& kernel = lowered_.kernels[i];
        const int engine = plan_.engine_of[i];
        const LayerId layer = layer_of(i);
        const MappingRequest request = planner_.request_for(plan_, i);
        if (engine == kHost) {
            emit_outside(kernel, request, layer);
        } else {
            launch(kernel, request, layer, engine);
            program_.set_engine(engine);
            if (options_.start == Start::cold) fetch_resident(kernel, layer, engine);
            engines_[static_cast<std::size_t>(engine)].device->emit(
                request, plan_.choices[i].mapping, layer, program_);
            out_.skipped_macs +=
                engines_[static_cast<std::size_t>(engine)].device->skipped_macs(kernel);
            program_.set_engine(0);
        }
        for (const Operand& output : kernel.outputs)
            made_by_[{root_of(output, engine),
                      lowered_.aliases[output.tensor.index()].offset_bytes}] = engine;
    }

    void emit_outside(const Kernel& kernel, const MappingRequest& request, LayerId layer) {
        CommandId done;
        if (const auto* exchange = std::get_if<Collective>(&kernel.work)) {
            const ExchangeCost cost = target_.system->cost(*exchange);
            done = program_.add(
                units_.links[static_cast<std::size_t>(cost.link)], layer,
                Exchange{
                    .duration = cost.duration, .link_bytes = cost.sent_bytes, .link = cost.link});
        } else {
            const HostWork& work = std::get<HostWork>(kernel.work);
            done = program_.add(
                units_.host, layer,
                Delay{.duration = planner_.outside_time(kernel), .operations = work.operations});
        }
        for (const Placement& input : request.inputs) program_.reads(done, input.region);
        for (const Placement& output : request.outputs) program_.writes(done, output.region);
    }

    /// What another engine made is there for this one once it has been launched: whoever reads
    /// those bytes waits for that.
    void launch(const Kernel& kernel, const MappingRequest& request, LayerId layer, int engine) {
        const UnitId launcher = units_.launchers[static_cast<std::size_t>(engine)];
        if (!launcher.valid()) return;
        std::vector<Region> handed_over;
        for (std::size_t i = 0; i < kernel.inputs.size(); ++i) {
            int root = root_of(kernel.inputs[i], engine);
            const auto joined = stands_for_.find(root);
            if (joined != stands_for_.end()) root = joined->second;
            bool by_another = false;
            for (auto maker = made_by_.lower_bound({root, 0});
                 maker != made_by_.end() && maker->first.first == root; ++maker)
                by_another = by_another || maker->second != engine;
            if (by_another) handed_over.push_back(request.inputs[i].region);
        }
        if (handed_over.empty()) return;
        const CommandId go = program_.add(
            launcher, layer, Delay{.duration = engines_[static_cast<std::size_t>(engine)].launch});
        for (const Region& region : handed_over) program_.writes(go, region);
    }

    /// At a cold start, weights that stay on chip are fetched before their first use, by each core.
    void fetch_resident(const Kernel& kernel, LayerId layer, int engine) {
        const auto e = static_cast<std::size_t>(engine);
        const std::vector<Unit> units = engines_[e].device->units();
        for (const Operand& input : kernel.inputs) {
            const auto root = static_cast<std::size_t>(root_of(input, engine));
            if (!plan_.allocation.resident[root] || !fetched_.insert(root).second) continue;
            const Placement& place = plan_.allocation.places[root];
            int core = -1;
            for (std::size_t u = 0; u < units.size(); ++u) {
                if (units[u].kind != UnitKind::dma || units[u].core <= core) continue;
                if (units[u].core >= plan_.shares[e].cores) break;
                core = units[u].core;  // the first engine of each core
                Load fetch{place.region, place.buffer};
                if (place.parts > 1) {  // this core's part, the last one's smaller
                    const std::int64_t from = core * place.buffer.bytes;
                    const std::int64_t size =
                        std::min(place.buffer.bytes, place.region.bytes() - from);
                    if (size <= 0) break;
                    fetch.source.address += from;
                    fetch.source.row_bytes = fetch.source.pitch_bytes = size;
                    fetch.target.bytes = size;
                }
                program_.add({static_cast<std::int32_t>(u)}, layer, fetch);
            }
        }
    }

    const Planner& planner_;
    Plan& plan_;
    const Lowered& lowered_;
    std::optional<Repeat> repeat_;
    const CompileTarget& target_;
    const CompileOptions& options_;
    const std::vector<TargetEngine>& engines_;
    Compiled& out_;
    std::set<std::size_t> fetched_;
    /// By root and where its bytes begin: the engine that wrote them last.
    std::map<std::pair<int, std::int64_t>, int> made_by_;
    std::map<std::size_t, int> layers_;
    std::map<int, int> stands_for_;  ///< roots of blocks left out -> of the last emitted
    TargetUnits units_;
    ProgramBuilder program_;
};

}  // namespace

TargetUnits target_units(const CompileTarget& target) {
    const std::vector<TargetEngine> engines = engines_of(target);
    TargetUnits made;
    std::vector<Unit>& units = made.units;
    const auto next = [&] { return UnitId{static_cast<std::int32_t>(units.size())}; };
    for (std::size_t e = 0; e < engines.size(); ++e)
        for (Unit& unit : engines[e].device->units()) {
            unit.engine = static_cast<int>(e);
            if (engines.size() > 1) unit.name = fmt::format("{}.{}", engines[e].name, unit.name);
            units.push_back(std::move(unit));
        }
    for (std::size_t e = 0; e < engines.size(); ++e) {
        const bool launches = engines[e].launch > Time::zero();
        made.launchers.push_back(launches ? next() : UnitId{});
        if (launches)
            units.push_back({.name = engines[e].name + ".launch",
                             .kind = UnitKind::host,
                             .core = 0,
                             .engine = static_cast<int>(e)});
    }
    if (target.host) {
        made.host = next();
        units.push_back({.name = "host", .kind = UnitKind::host, .core = 0});
    }
    if (target.system)
        for (const std::string& link : target.system->links) {
            made.links.push_back(next());
            units.push_back({.name = link, .kind = UnitKind::link, .core = 0});
        }
    return made;
}

void emit(const Planner& planner, Plan& plan, const Lowered& lowered,
          const std::vector<std::vector<EngineCost>>& costs, std::optional<Repeat> repeat,
          const CompileTarget& target, const CompileOptions& options, const std::string& network,
          Compiled& out) {
    const std::vector<TargetEngine>& engines = planner.engines();
    for (std::size_t i = 0; i < lowered.kernels.size(); ++i) {
        const Kernel& kernel = lowered.kernels[i];
        const int engine = plan.engine_of[i];
        KernelReport report{.name = kernel.name,
                            .operator_type = kernel.operator_type,
                            .engine = engine_name(engine, engines),
                            .choice = plan.choices[i]};
        if (!costs.empty()) report.engines = costs[i];
        if (engines.size() > 1 && engine != kHost)
            report.choice.mapping.insert(report.choice.mapping.begin(), {"engine", report.engine});
        if (const auto* work = std::get_if<HostWork>(&kernel.work); work && engine == kHost)
            out.host_operations += work->operations;
        if (std::holds_alternative<Collective>(kernel.work)) report.engine = "link";
        out.kernels.push_back(std::move(report));
    }
    Emitter(planner, plan, lowered, repeat, target, options, out).run(network);
}

}  // namespace perfwatt
