#pragma once

#include <vector>

#include "sim/arch/kernel.h"

namespace perfwatt {

/// What a Device may offer beside its own interface: contractions one after the other as one
/// launch, in which every block works a tile of the output through all of them and what they hand
/// on stays with the block. The device knows such contractions by an operand that is handed on: it
/// has no bytes.
class FusesChains {
  public:
    virtual ~FusesChains() = default;
    /// Whether these kernels, each of which reads what the one before made as its first operand,
    /// can be one. What they hand on still has its bytes here.
    [[nodiscard]] virtual bool fuses(const std::vector<const Kernel*>& chain) const = 0;

  protected:
    FusesChains() = default;
    FusesChains(const FusesChains&) = default;
    FusesChains& operator=(const FusesChains&) = default;
};

}  // namespace perfwatt
