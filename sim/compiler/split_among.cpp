#include "sim/compiler/split_among.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/base/math.h"

namespace perfwatt {
namespace {

class Splitter {
  public:
    Splitter(Graph& graph, Lowered& lowered, int chips)
        : graph_(graph), lowered_(lowered), chips_(chips), split_(graph.tensors.size(), false) {
        for (std::size_t i = 0; i < graph.tensors.size(); ++i)
            if (graph.tensors[i].role == TensorRole::state &&
                graph.tensors[i].elements() % chips == 0)
                split_[root(TensorId{static_cast<std::int32_t>(i)})] = true;
    }

    std::vector<std::string> run() {
        Lowered out;
        for (std::size_t i = 0; i < lowered_.kernels.size(); ++i) {
            Kernel& kernel = lowered_.kernels[i];
            macs_ = lowered_.macs[i];
            reduce_ = false;
            node_ = lowered_.node_of[i];
            out_ = &out;
            std::visit([&](auto& work) { split(kernel, work); }, kernel.work);
            const std::vector<Operand> results = kernel.outputs;
            const std::string name = kernel.name;
            add(std::move(kernel), macs_);
            if (reduce_) {
                exchange(Collective::Kind::all_reduce, results.front(), name + ".all_reduce");
                ++by_rows_;
            }
        }
        for (const TensorId output : graph_.outputs)
            if (is_split(output))
                exchange(Collective::Kind::all_gather,
                         {.tensor = output, .bytes = graph_.tensor(output).bytes()},
                         graph_.tensor(output).name + ".all_gather");
        lowered_.kernels = std::move(out.kernels);
        lowered_.node_of = std::move(out.node_of);
        lowered_.macs = std::move(out.macs);
        take_shares();
        return {
            fmt::format("split among {} chips: {} products by outputs, {} by what they sum, {} "
                        "by heads; {} tensors gathered",
                        chips_, by_columns_, by_rows_, by_groups_, gathered_)};
    }

  private:
    [[nodiscard]] std::size_t root(TensorId tensor) const {
        return lowered_.aliases[tensor.index()].root.index();
    }
    [[nodiscard]] bool is_split(TensorId tensor) const { return split_[root(tensor)]; }
    [[nodiscard]] bool divides(std::int64_t extent) const { return extent % chips_ == 0; }

    void add(Kernel kernel, std::int64_t macs) {
        out_->kernels.push_back(std::move(kernel));
        out_->node_of.push_back(node_);
        out_->macs.push_back(macs);
    }

    void exchange(Collective::Kind kind, const Operand& operand, std::string name) {
        const bool gather = kind == Collective::Kind::all_gather;
        add({.name = std::move(name),
             .operator_type = gather ? "AllGather" : "AllReduce",
             .work = Collective{.kind = kind, .bytes = operand.bytes},
             .inputs = {operand},
             .outputs = {operand}},
            0);
        if (gather) ++gathered_;
    }

    /// A split operand that is needed whole. The whole then stands in the place of the share.
    void gather(const Kernel& kernel) {
        for (const Operand& input : kernel.inputs) {
            if (is_trained(input.role) || !is_split(input.tensor)) continue;
            exchange(Collective::Kind::all_gather, input,
                     fmt::format("{}.all_gather", kernel.name));
            split_[root(input.tensor)] = false;
        }
    }

    [[nodiscard]] bool reads_split(const Kernel& kernel) const {
        return std::any_of(kernel.inputs.begin(), kernel.inputs.end(), [&](const Operand& input) {
            return !is_trained(input.role) && is_split(input.tensor);
        });
    }

    void split_results(Kernel& kernel) {
        for (const Operand& output : kernel.outputs) split_[root(output.tensor)] = true;
        for (Elementwise& step : kernel.epilogue) step.elements = ceil_div(step.elements, chips_);
        for (Reduce& step : kernel.fused_pooling) step.elements = ceil_div(step.elements, chips_);
    }

    void split(Kernel& kernel, Contraction& work) {
        const bool trained = is_trained(kernel.inputs[1].role);
        const bool reads = reads_split(kernel);
        if (!trained) {
            if (!reads) return;
            if (!divides(work.g / work.groups_sharing_second)) {
                gather(kernel);
                return;
            }
            work.g /= chips_;
            macs_ /= chips_;
            ++by_groups_;
            split_results(kernel);
            return;
        }
        const bool first_split = is_split(kernel.inputs[0].tensor);
        if (work.g > 1 && first_split && divides(work.g)) {
            work.g /= chips_;
            split_[root(kernel.inputs[1].tensor)] = true;
            macs_ /= chips_;
            ++by_groups_;
            split_results(kernel);
        } else if (work.g == 1 && first_split && divides(work.c)) {
            work.c /= chips_;
            split_[root(kernel.inputs[1].tensor)] = true;
            macs_ /= chips_;
            reduce_ = true;
        } else if (work.g == 1 && !first_split && divides(work.k)) {
            work.k /= chips_;
            split_[root(kernel.inputs[1].tensor)] = true;
            macs_ /= chips_;
            ++by_columns_;
            split_results(kernel);
        } else if (reads) {
            gather(kernel);
        }
    }
    void split(Kernel& kernel, Attention& work) {
        if (!reads_split(kernel)) return;
        if (!divides(work.g / work.groups_sharing)) {
            gather(kernel);
            return;
        }
        work.g /= chips_;
        macs_ /= chips_;
        ++by_groups_;
        split_results(kernel);
    }
    void split(Kernel& kernel, Elementwise& work) {
        if (!reads_split(kernel)) return;
        work.elements = ceil_div(work.elements, chips_);
        split_results(kernel);
    }
    void split(Kernel& kernel, Reduce& work) {
        if (!reads_split(kernel)) return;
        if (!divides(work.elements / std::max<std::int64_t>(1, work.row))) {
            gather(kernel);
            return;
        }
        work.elements = ceil_div(work.elements, chips_);
        split_results(kernel);
    }
    void split(Kernel& kernel, Move& work) {
        if (!reads_split(kernel)) return;
        work.bytes = ceil_div(work.bytes, chips_);
        work.run_bytes = std::min(work.run_bytes, work.bytes);
        split_results(kernel);
    }
    void split(Kernel& kernel, HostWork&) { gather(kernel); }
    void split(Kernel&, Collective&) {}

    /// Sizes of all that is split become those of a chip's share.
    void take_shares() {
        for (std::size_t i = 0; i < graph_.tensors.size(); ++i) {
            const TensorId id{static_cast<std::int32_t>(i)};
            if (!is_split(id)) continue;
            Tensor& tensor = graph_.tensors[i];
            tensor.stored = ceil_div(tensor.stored, chips_);
            const auto extent =
                std::find_if(tensor.shape.rbegin(), tensor.shape.rend(),
                             [&](std::int64_t size) { return size % chips_ == 0 && size > 0; });
            if (extent != tensor.shape.rend())
                *extent /= chips_;
            else
                tensor.shape = {ceil_div(tensor.elements(), chips_)};
            lowered_.aliases[i].offset_bytes /= chips_;
        }
        for (Kernel& kernel : lowered_.kernels)
            for (std::vector<Operand>* operands : {&kernel.inputs, &kernel.outputs})
                for (Operand& operand : *operands)
                    if (is_split(operand.tensor)) operand.bytes = ceil_div(operand.bytes, chips_);
    }

    Graph& graph_;
    Lowered& lowered_;
    std::int64_t chips_;
    std::vector<bool> split_;  ///< by root: each chip has its share
    Lowered* out_ = nullptr;
    std::int64_t macs_ = 0;  ///< of the kernel at hand
    int node_ = 0;
    bool reduce_ = false;  ///< its result is a partial sum
    int by_columns_ = 0, by_rows_ = 0, by_groups_ = 0, gathered_ = 0;
};

}  // namespace

std::vector<std::string> split_among(Graph& graph, Lowered& lowered, int chips) {
    return Splitter(graph, lowered, chips).run();
}

void add_host_transfers(const Graph& graph, Lowered& lowered) {
    const auto transfer = [&](const std::vector<TensorId>& tensors, const char* name) {
        Kernel kernel{.name = name, .operator_type = "HostTransfer"};
        std::int64_t bytes = 0;
        for (const TensorId tensor : tensors) {
            const Tensor& own = graph.tensor(tensor);
            const bool used = own.role == TensorRole::input || own.role == TensorRole::output ||
                              own.role == TensorRole::activation;
            if (!used) continue;
            kernel.inputs.push_back({.tensor = tensor, .bytes = own.bytes(), .role = own.role});
            bytes += own.bytes();
        }
        kernel.work = Collective{.kind = Collective::Kind::send, .bytes = bytes};
        kernel.outputs = kernel.inputs;
        return kernel;
    };
    const auto insert = [&](Kernel kernel, bool first) {
        if (kernel.inputs.empty() || lowered.kernels.empty()) return;
        const int node = first ? lowered.node_of.front() : lowered.node_of.back();
        const auto at = [&](auto& list) { return first ? list.begin() : list.end(); };
        lowered.kernels.insert(at(lowered.kernels), std::move(kernel));
        lowered.node_of.insert(at(lowered.node_of), node);
        lowered.macs.insert(at(lowered.macs), 0);
    };
    insert(transfer(graph.inputs, "host.inputs"), true);
    insert(transfer(graph.outputs, "host.results"), false);
}

}  // namespace perfwatt
