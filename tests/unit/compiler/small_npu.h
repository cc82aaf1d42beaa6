#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "models/npu/npu.h"
#include "sim/program/program.h"

namespace perfwatt {

/// A core of 32 x 32 cells at 1 GHz, for int8, with one scratchpad for all.
inline npu::NpuSpec small_npu(std::int64_t scratchpad_bytes) {
    npu::NpuSpec spec;
    spec.clock = Clock(1'000'000'000);
    spec.matrix.rows = spec.matrix.columns = 32;
    spec.matrix.accumulator_bytes = 64 << 10;
    spec.matrix.rates = {{DataType::int8, DataType::int8, 1, 1}};
    spec.vector = {.lanes = 32, .lane_bits = 32, .simple_operations_per_cycle = 2};
    spec.scratchpad = {.bytes = scratchpad_bytes,
                       .weight_bytes = scratchpad_bytes,
                       .activation_bytes = scratchpad_bytes,
                       .banks = 16,
                       .bytes_per_cycle_per_bank = 16};
    return spec;
}

/// Whatever it does costs a picojoule.
inline npu::Npu made_of(npu::NpuSpec spec, std::vector<npu::MemoryPort> ports) {
    npu::NpuPrices prices;
    for (const std::string& name : npu::action_names(spec))
        prices.actions[name] = {.picojoules = 1, .source = "a test", .not_modelled = {}};
    return npu::Npu(std::move(spec), std::move(prices), std::move(ports));
}

/// What a program moves and does, all commands together.
struct Totals {
    std::int64_t read = 0, written = 0, useful_macs = 0, operations = 0;
};

inline Totals totals(const Program& program) {
    Totals all;
    for (const Command& command : program.commands) {
        if (const auto* load = std::get_if<Load>(&command.work)) all.read += load->source.bytes();
        if (const auto* store = std::get_if<Store>(&command.work))
            all.written += store->target.bytes();
        if (const auto* tile = std::get_if<Contract>(&command.work))
            all.useful_macs += tile->useful_macs;
        if (const auto* vector = std::get_if<Vector>(&command.work))
            all.operations += vector->operations;
    }
    return all;
}

}  // namespace perfwatt
