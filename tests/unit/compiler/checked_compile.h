#pragma once

#include <gmock/gmock.h>

#include <optional>
#include <utility>
#include <variant>

#include "sim/compiler/compiler.h"
#include "sim/program/program_check.h"

namespace perfwatt {

/// Compiles for a device with one memory of 4 GiB and no host, and holds the program against the
/// rules of all programs. Fails the test where nothing fits.
inline Compiled compiled_for(const Device& device, std::int64_t bytes_per_second, Graph graph,
                             const CompileOptions& options) {
    constexpr std::int64_t kCapacity = std::int64_t{1} << 32;
    const CompileTarget target{.device = &device,
                               .memories = {{.name = "dram",
                                             .bytes_per_second = bytes_per_second,
                                             .capacity_bytes = kCapacity,
                                             .burst_bytes = 32}},
                               .host = std::nullopt};
    auto result = compile(std::move(graph), target, options);
    if (const auto* misfit = std::get_if<Infeasible>(&result)) ADD_FAILURE() << misfit->reason;
    Compiled out = std::get<Compiled>(std::move(result));
    EXPECT_THAT(problems(out.program, {.scratchpad_bytes = device.on_chip().bytes_per_core,
                                       .memory_bytes = {kCapacity}}),
                ::testing::IsEmpty());
    return out;
}

}  // namespace perfwatt
