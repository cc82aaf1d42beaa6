#pragma once

#include <string>
#include <vector>

#include "models/dram/dram_spec.h"
#include "sim/arch/device.h"
#include "sim/arch/system_spec.h"
#include "sim/validation/figure.h"

namespace perfwatt::gpu_rows {

/// A kernel that somebody timed on a GPU.
struct Row {
    std::string chip;
    std::string group;  ///< kind of kernel and its types: "bf16 gemm", "decode attention"
    std::string shape;
    std::string role;                    ///< "calibrate", "test" or "report"
    std::string run_time;                ///< how kernels were launched: the chip's gpu.run_time
    std::vector<std::string> overrides;  ///< of the chip: the run time, and the library's ways
    bool warm = false;                   ///< operands that fit the last cache are there already
    std::int64_t sequences = 1;          ///< of attention
    std::int64_t operand_bytes = 0;
    double microseconds = 0;
    std::vector<Kernel>
        kernels;  ///< one after the other; what one makes the next finds in the cache
    std::string source;
};

/// All kernels of a folder: gemm.csv, convolution.csv, attention.csv, vector.csv, in this order,
/// timed as harnesses.csv says. Three rows in ten are to calibrate on, by a hash of the row. Throws
/// UserError naming file and line.
[[nodiscard]] std::vector<Row> read(const std::string& folder);

/// Kernels in the one form of `perfwatt validate --measured`: measured.csv of
/// scripts/measure_gpu.py has a column `operator` beside those of the files above. All are to be
/// tested on.
[[nodiscard]] std::vector<Row> read_measured(const std::string& file);

/// Whether a kernel was faster than its operands, less what the last cache holds, come at the
/// memory's peak: whatever was timed, it is not what the row says.
[[nodiscard]] bool beyond_memory(const Row& row, std::int64_t cache_bytes,
                                 std::int64_t bytes_per_second);

/// Of operands that are read again and again and exceed the cache, the share found there if lines
/// are replaced at random: a line is still there if none of the misses since its last use took its
/// place, h = exp(-(1 - h) operands / cache).
[[nodiscard]] double found_again(std::int64_t operand_bytes, std::int64_t cache_bytes);

/// What a device makes of the row's kernel when nothing is contended; Infeasible with the reason.
[[nodiscard]] std::variant<Time, Infeasible> time_on(const Device& device, const Row& row);

/// What the chip's memory takes: for a byte that is read in order, and with a row open all the
/// time. Refreshes are left out.
struct MemoryPower {
    double picojoules_per_byte = 0;
    double watts = 0;
};
[[nodiscard]] MemoryPower memory_power(const dram::DramSpec& spec, int channels);

/// Watts of the row's kernel run again and again: what its commands count, at the device's prices,
/// its static power, and the memory's.
[[nodiscard]] std::variant<double, Infeasible> power_on(const Device& device,
                                                        const MemoryPower& memory, const Row& row);

/// A collective that somebody timed among the GPUs of a system.
struct CollectiveRow {
    std::string chip;   ///< of which the system has eight
    std::string group;  ///< "all_reduce", "all_gather", "reduce_scatter" or "alltoall"
    std::string shape;
    std::string role;
    std::string type;  ///< as NCCL calls it
    Collective work;   ///< bytes of the whole: what each has of an all-reduce, of a gather's result
    int gpus = 0;
    double microseconds = 0;
    std::string source;
};

/// Rows of collectives.csv, calibrated on and tested as the others are.
[[nodiscard]] std::vector<CollectiveRow> read_collectives(const std::string& folder);

/// What a link makes of it.
[[nodiscard]] Time time_on(PeerLink link, const CollectiveRow& row);

/// "<10 us", "10-100 us", "0.1-1 ms", ">1 ms".
[[nodiscard]] std::string bucket_of(double microseconds);

}  // namespace perfwatt::gpu_rows
