#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>

#include "sim/compiler/passes.h"

namespace perfwatt {
namespace {

constexpr int kLongestBlock = 512;  ///< kernels
/// A tensor with this many readers (a mask, rotary angles) is shared by the blocks: how long ago it
/// was made differs between them and tells nothing.
constexpr int kShared = 8;
constexpr int kFewestBlocks = 4;  ///< below this, three emitted blocks save nothing

using Out = fmt::memory_buffer;

void write(Out& out, const std::vector<VectorStep>& steps) {
    for (const VectorStep& step : steps)
        fmt::format_to(std::back_inserter(out), " {}x{}", static_cast<int>(step.op),
                       step.per_element);
}

void write(Out& out, const Contraction& work) {
    fmt::format_to(std::back_inserter(out),
                   "contraction g{} n{} p{} q{} k{} c{} r{} s{} stride {}x{} dilation {}x{} input "
                   "{}x{} sharing {} layout {} types {} {} {} kept {} of {} ({}), of inputs {} of "
                   "{}",
                   work.g, work.n, work.p, work.q, work.k, work.c, work.r, work.s, work.stride_h,
                   work.stride_w, work.dilation_h, work.dilation_w, work.input_h, work.input_w,
                   work.groups_sharing_second, static_cast<int>(work.group_layout),
                   to_string(work.first_type), to_string(work.second_type),
                   to_string(work.output_type), work.second_sparsity.kept, work.second_sparsity.of,
                   static_cast<int>(work.second_sparsity.pattern), work.first_sparsity.kept,
                   work.first_sparsity.of);
}
void write(Out& out, const Attention& work) {
    fmt::format_to(std::back_inserter(out),
                   "attention g{} sharing {} queries {} keys {} dims {} {} {} types {} {} {}",
                   work.g, work.groups_sharing, work.queries, work.keys, work.head_dim,
                   work.value_dim, work.causal ? "causal" : "full", to_string(work.query_type),
                   to_string(work.cache_type), to_string(work.output_type));
    write(out, work.steps);
}
void write(Out& out, const Elementwise& work) {
    fmt::format_to(std::back_inserter(out), "elementwise {} {}", work.elements,
                   to_string(work.type));
    write(out, work.steps);
}
void write(Out& out, const Reduce& work) {
    fmt::format_to(std::back_inserter(out), "reduce {} row {} passes {} {}", work.elements,
                   work.row, work.passes, to_string(work.type));
    write(out, work.steps);
}
void write(Out& out, const Move& work) {
    fmt::format_to(std::back_inserter(out), "move {} run {}", work.bytes, work.run_bytes);
}
void write(Out& out, const HostWork& work) {
    fmt::format_to(std::back_inserter(out), "host {} operations {} bytes", work.operations,
                   work.bytes);
}
void write(Out& out, const Collective& work) {
    fmt::format_to(std::back_inserter(out), "collective {} of {} bytes",
                   static_cast<int>(work.kind), work.bytes);
}

/// By kernel: what it does and how far back its operands were made.
std::vector<int> identities(const Lowered& lowered) {
    std::map<std::string, int> known;
    std::vector<int> ids;
    std::vector<int> writer(lowered.aliases.size(), -1);
    std::vector<int> readers(lowered.aliases.size(), 0);
    for (const Kernel& kernel : lowered.kernels)
        for (const Operand& input : kernel.inputs)
            ++readers[lowered.aliases[input.tensor.index()].root.index()];
    for (std::size_t i = 0; i < lowered.kernels.size(); ++i) {
        const Kernel& kernel = lowered.kernels[i];
        std::string key = signature(kernel);
        for (const Operand& input : kernel.inputs) {
            const std::size_t root = lowered.aliases[input.tensor.index()].root.index();
            const bool far = writer[root] < 0 || readers[root] >= kShared;
            key += fmt::format("|{}", far ? 0 : static_cast<int>(i) - writer[root]);
        }
        for (const Operand& output : kernel.outputs)
            writer[lowered.aliases[output.tensor.index()].root.index()] = static_cast<int>(i);
        ids.push_back(known.emplace(std::move(key), static_cast<int>(known.size())).first->second);
    }
    return ids;
}

}  // namespace

std::string signature(const Kernel& kernel) {
    Out out;
    std::visit([&](const auto& work) { write(out, work); }, kernel.work);
    for (const Elementwise& step : kernel.epilogue) {
        fmt::format_to(std::back_inserter(out), " then ");
        write(out, step);
    }
    for (const Reduce& step : kernel.fused_pooling) {
        fmt::format_to(std::back_inserter(out), " pooled ");
        write(out, step);
    }
    for (const Operand& input : kernel.inputs)
        fmt::format_to(std::back_inserter(out), " in {}/{}", input.bytes,
                       static_cast<int>(input.role));
    for (const Operand& output : kernel.outputs)
        fmt::format_to(std::back_inserter(out), " out {}/{}", output.bytes,
                       static_cast<int>(output.role));
    return fmt::to_string(out);
}

std::optional<Repeat> find_repeat(const Lowered& lowered) {
    const std::vector<int> ids = identities(lowered);
    const auto kernels = static_cast<int>(ids.size());
    Repeat best;
    int best_saved = 0;
    for (int period = 1; period <= std::min(kLongestBlock, kernels / kFewestBlocks); ++period) {
        int run = 0;  // consecutive kernels equal to the one a period before
        for (int i = period; i <= kernels; ++i) {
            const bool equal = i < kernels && ids[static_cast<std::size_t>(i)] ==
                                                  ids[static_cast<std::size_t>(i - period)];
            if (equal) {
                ++run;
                continue;
            }
            const int count = run / period + 1;
            const int saved = (count - 3) * period;
            if (count >= kFewestBlocks && saved > best_saved) {
                best_saved = saved;
                best = {
                    .first_kernel = i - run - period, .kernels_per_block = period, .count = count};
            }
            run = 0;
        }
    }
    if (best_saved == 0) return std::nullopt;
    return best;
}

std::string to_text(const Lowered& lowered) {
    std::string text;
    for (std::size_t i = 0; i < lowered.kernels.size(); ++i) {
        const Kernel& kernel = lowered.kernels[i];
        text += fmt::format("{} {} \"{}\": {}\n", i, kernel.operator_type, kernel.name,
                            signature(kernel));
    }
    return text;
}

}  // namespace perfwatt
