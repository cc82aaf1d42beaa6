#pragma once

#include <memory>

#include "models/npu/npu.h"

namespace perfwatt::npu {

/// A small NPU whose numbers are easy to follow: 1 GHz, 8 x 8 weight-stationary cells, 1 byte/ns.
inline NpuSpec small_spec() {
    NpuSpec spec;
    spec.clock = Clock(1'000'000'000);
    spec.matrix.rows = 8;
    spec.matrix.columns = 8;
    spec.matrix.accumulator_bytes = 16 << 10;
    spec.matrix.rates = {{DataType::int8, DataType::int8, 1, 1},
                         {DataType::bf16, DataType::bf16, 1, 4}};
    spec.vector = {.lanes = 8, .lane_bits = 32, .simple_operations_per_cycle = 2};
    spec.vector.divide_cycles = 4;
    spec.vector.exponential_cycles = 6;
    spec.scratchpad = {.bytes = 64 << 10,
                       .weight_bytes = 64 << 10,
                       .activation_bytes = 64 << 10,
                       .banks = 16,
                       .bytes_per_cycle_per_bank = 16};
    spec.dma.engines = 1;
    return spec;
}

inline Npu make_npu(const NpuSpec& spec, std::int64_t bytes_per_second = 4'000'000'000) {
    NpuPrices prices;
    for (const std::string& name : action_names(spec))
        prices.actions[name] = {.picojoules = 1, .source = "a test", .not_modelled = {}};
    return Npu(
        spec, prices,
        {{.bytes_per_second = bytes_per_second, .burst_bytes = 32, .latency = Time::from_ns(100)}});
}

/// A convolution of a `size` x `size` plane with 3 x 3 taps, padded to keep its size.
inline Kernel convolution(std::int64_t size, std::int64_t c, std::int64_t k) {
    Contraction work{.p = size,
                     .q = size,
                     .k = k,
                     .c = c,
                     .r = 3,
                     .s = 3,
                     .input_h = size,
                     .input_w = size,
                     .group_layout = GroupLayout::channels};
    Kernel kernel;
    kernel.name = "conv";
    kernel.operator_type = "Conv";
    kernel.work = work;
    kernel.inputs = {{TensorId{0}, work.first_elements(), TensorRole::activation},
                     {TensorId{1}, work.second_elements(), TensorRole::weight}};
    kernel.outputs = {{TensorId{2}, work.output_elements(), TensorRole::activation}};
    kernel.epilogue = {{.elements = work.output_elements(),
                        .type = DataType::int32,
                        .steps = {{VectorOp::multiply, 1}, {VectorOp::convert, 1}}}};
    return kernel;
}

/// Everything in memory, one tensor after the other, and the whole scratchpad free.
inline MappingRequest from_memory(const Kernel& kernel, const NpuSpec& spec) {
    MappingRequest request;
    request.kernel = &kernel;
    std::int64_t at = 0;
    const auto place = [&](const Operand& operand) {
        Placement placement;
        placement.region = {.memory = {0},
                            .address = at,
                            .row_bytes = operand.bytes,
                            .rows = 1,
                            .pitch_bytes = operand.bytes};
        at += (operand.bytes + 4095) / 4096 * 4096;
        return placement;
    };
    for (const Operand& input : kernel.inputs) request.inputs.push_back(place(input));
    for (const Operand& output : kernel.outputs) request.outputs.push_back(place(output));
    request.free = {.address = 0, .bytes = spec.scratchpad.bytes};
    request.effort = 100'000;
    return request;
}

}  // namespace perfwatt::npu
