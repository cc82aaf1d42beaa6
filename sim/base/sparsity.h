#pragma once

#include <cstdint>

namespace perfwatt {

/// Which values of a tensor of weights are zero. What that saves is the hardware's affair.
struct Sparsity {
    enum class Pattern : std::uint8_t {
        dense,
        n_of_m,        ///< of each `of` neighbours along the reduction, `kept` are not zero
        unstructured,  ///< of `of` values, `kept` are not zero, anywhere
    } pattern = Pattern::dense;
    std::int64_t kept = 1;
    std::int64_t of = 1;

    friend bool operator==(const Sparsity&, const Sparsity&) = default;
};

/// How weights lie in memory. All but `plain` need hardware that reads them: Device::decodes().
enum class WeightFormat : std::uint8_t {
    plain,       ///< every value
    n_of_m,      ///< the values kept of each group, each with its place in the group
    bitmap,      ///< the values that are not zero, and a bit for each value
    csr,         ///< those, each with its column, and where each row starts
    run_length,  ///< those, each with four bits for the zeros before it
    compressed,  ///< by a coder of stated ratio
};

}  // namespace perfwatt
