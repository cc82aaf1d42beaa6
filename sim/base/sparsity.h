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

}  // namespace perfwatt
