#pragma once

#include <cstdint>
#include <variant>
#include <vector>

#include "models/npu/npu.h"

namespace perfwatt::npu {

/// How a kernel without a contraction is cut: into equal pieces, shared by cores.
struct StreamCut {
    std::int64_t pieces = 1;  ///< of one core's share
    int cores = 1;
    int buffers = 2;
};

[[nodiscard]] Mapping to_mapping(const StreamCut& cut);
[[nodiscard]] std::variant<StreamCut, Infeasible> stream_cut_from(const Mapping& mapping);

/// Where the pieces lie on chip: inputs side by side, then outputs side by side.
struct StreamLayout {
    std::int64_t whole_address = 0;  ///< small operands, fetched once
    std::int64_t address[2] = {};    ///< of each buffer
    std::int64_t output_offset = 0;  ///< of the outputs within a buffer
};

/// An elementwise, reduce or move kernel on one NPU.
class StreamPlan {
  public:
    StreamPlan(const Npu& npu, const MappingRequest& request);

    [[nodiscard]] std::variant<StreamLayout, Infeasible> layout(const StreamCut& cut) const;
    [[nodiscard]] Time cost(const StreamCut& cut) const;
    [[nodiscard]] Time bound() const;
    [[nodiscard]] std::variant<MappingChoice, Infeasible> map() const;

    /// The vector command of one of `pieces` equal pieces, without its buffers; no operations if
    /// the DMA engines do all there is.
    [[nodiscard]] Vector vector(std::int64_t pieces) const;
    [[nodiscard]] const MappingRequest& request() const { return request_; }
    [[nodiscard]] const Npu& npu() const { return npu_; }
    [[nodiscard]] bool fetched(std::size_t input) const;
    [[nodiscard]] bool stored(std::size_t output) const;
    /// Small beside the rest: fetched once and kept.
    [[nodiscard]] bool whole(std::size_t input) const;
    /// Bytes that the kernel reads of an input in all.
    [[nodiscard]] std::int64_t read_bytes(std::size_t input) const;
    [[nodiscard]] std::int64_t written_bytes(std::size_t output) const;
    /// Length of contiguous runs in memory; 0: one run.
    [[nodiscard]] std::int64_t run_bytes() const;

  private:
    [[nodiscard]] std::int64_t most_pieces() const;
    [[nodiscard]] std::int64_t reload_factor(const StreamCut& cut) const;

    const Npu& npu_;
    const MappingRequest& request_;
    const Kernel& kernel_;
};

}  // namespace perfwatt::npu
