#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "sim/arch/kernel.h"
#include "sim/base/diagnostics.h"
#include "sim/base/time.h"
#include "sim/program/program.h"
#include "sim/program/program_builder.h"
#include "sim/stats/counts.h"
#include "sim/stats/energy.h"

namespace perfwatt {

/// Where an operand lives while a kernel runs.
struct Placement {
    enum class Where : std::uint8_t { memory, on_chip } where = Where::memory;
    Region
        region;  ///< in memory: rows and pitch are the kernel's to choose, address and size given
    Buffer buffer;  ///< on chip: in the address space of core 0's scratchpad, the same on each core
    /// On chip: so many cores keep a share each of a product's weights, those of their outputs;
    /// `buffer` is where a share lies, the first cores' being the largest.
    int parts = 1;
    /// How its bytes lie in memory, in the words of Device::weight_layout(); empty: plainly, as
    /// its shape says. A cache that one engine keeps its own way is so for all who touch it.
    std::string layout;
};

/// What a family's mapper is asked: one kernel, where its operands live, what room is left.
struct MappingRequest {
    const Kernel* kernel = nullptr;
    std::vector<Placement> inputs;
    std::vector<Placement> outputs;
    Buffer free;  ///< on-chip bytes a core may use for tiles
    /// Where tiles of weights go if the on-chip memory is partitioned; size 0: into `free` too.
    Buffer free_weights;
    /// Tiles are laid out from the end of `free` downwards. Kernels alternate, so that the next
    /// kernel's first tiles arrive while this one still uses its own.
    bool from_top = false;
    int cores = 0;      ///< cores the kernel may use, the first ones; 0: all
    int effort = 1000;  ///< candidates evaluated at most
};

/// A mapping in words, printed and replayed as YAML: "tile_p: 7", "order: k,p,c", "split: k".
using Mapping = std::vector<std::pair<std::string, std::string>>;
/// A whole number above zero, as a mapping's words have them; nothing where the text is none.
[[nodiscard]] std::optional<std::int64_t> positive_number(std::string_view text);

struct MappingChoice {
    Mapping mapping;
    Time cost;                                          ///< the device's own cost function for it
    Time bound;                                         ///< no mapping can be faster: work / peak
    int candidates = 0;                                 ///< evaluated
    std::vector<std::pair<std::string, int>> rejected;  ///< reason -> how many
};

/// On-chip memory that outlives a kernel: where the compiler may keep tensors.
struct OnChipMemory {
    std::int64_t bytes_per_core = 0;  ///< 0: nothing can stay
    int cores = 1;
    std::int64_t alignment = 1;
    /// Of these bytes, at most this many for weights and for activations; equal to bytes_per_core
    /// where the memory is unified.
    std::int64_t weight_bytes = 0;
    std::int64_t activation_bytes = 0;
    bool splits_weights = false;  ///< understands Placement::parts
};

/// The throughput no program can exceed; the bounds and the invariants are made of these.
struct Peak {
    std::int64_t macs_per_second = 0;
    std::int64_t vector_operations_per_second = 0;
};

/// How each core's scratchpad is banked: equal, contiguous ranges of addresses, each of which moves
/// `bytes_per_second`, reads and writes together.
struct ScratchpadGeometry {
    int banks = 0;  ///< 0: nobody waits for a bank
    std::int64_t bank_bytes = 0;
    std::int64_t bytes_per_second = 0;  ///< of one bank
};

/// What every DMA engine of a device has between its links and its scratchpad.
struct DmaPort {
    std::int64_t bytes_per_second = 0;  ///< reads and writes together; 0: as fast as the links
    Time setup;                         ///< from a command's start to its first request
};

/// Bytes that a command moves into or out of a buffer while it runs, re-reads included.
struct BankUse {
    Buffer buffer;
    std::int64_t bytes = 0;
};

/// Makes the SystemC modules of a family's units; defined by the engine, opaque here.
class UnitFactory;

/// What a hardware family must offer for one configured accelerator. Pure: immutable, without
/// SystemC, safe to ask from the mapper a million times.
class Device {
  public:
    virtual ~Device() = default;

    [[nodiscard]] virtual std::vector<Unit> units() const = 0;
    [[nodiscard]] virtual OnChipMemory on_chip() const = 0;
    /// For a pair of operand types; a type the unit lacks has no peak.
    [[nodiscard]] virtual Peak peak(DataType first, DataType second) const = 0;

    // The compiler's view.
    /// How trained operands and caches must lie in memory for this device to work on them; empty:
    /// plainly. Weights that engines of different layouts use are kept once for each.
    [[nodiscard]] virtual std::string weight_layout() const;
    /// For how long the kernel keeps `memory`, which others may want at the same time. As given
    /// here: its operands and results cross the pins once, at `bytes_per_second`.
    [[nodiscard]] virtual Time memory_time(const MappingRequest& request,
                                           const MappingChoice& choice, MemoryId memory,
                                           std::int64_t bytes_per_second) const;
    /// Outputs of a contraction that it works on at a time: part of one is best a multiple of that.
    /// As given here: 1.
    [[nodiscard]] virtual std::int64_t outputs_at_once(const Kernel& kernel) const;
    /// Whether weights may lie in memory in this form; what is not read so is kept plainly. As
    /// given here: plainly only.
    [[nodiscard]] virtual bool decodes(WeightFormat format) const;
    /// Bytes that a contraction's weights take in memory as this device wants them. As given here:
    /// what the kernel says.
    [[nodiscard]] virtual std::int64_t weight_bytes(const Kernel& kernel) const;
    /// Nothing if the kernel can run, else why not.
    [[nodiscard]] virtual std::optional<Infeasible> refuses(const Kernel& kernel) const = 0;
    [[nodiscard]] virtual std::variant<MappingChoice, Infeasible> map(
        const MappingRequest& request) const = 0;
    /// Cost of a given mapping, or why it does not fit; map() minimises this.
    [[nodiscard]] virtual std::variant<Time, Infeasible> cost(const MappingRequest& request,
                                                              const Mapping& mapping) const = 0;
    /// Appends the kernel's commands. PERFWATT_CHECKs that the mapping fits.
    virtual void emit(const MappingRequest& request, const Mapping& mapping, LayerId layer,
                      ProgramBuilder& program) const = 0;
    /// Of the kernel's MACs, those the device leaves out because their results are known to be
    /// dropped: products that a causal mask hides. As given here: none.
    [[nodiscard]] virtual std::int64_t skipped_macs(const Kernel& kernel) const;

    // The platform's view.
    /// Time a contract, vector or delay command takes on its unit when nothing is contended.
    [[nodiscard]] virtual Time duration(const Command& command) const = 0;
    /// Of duration(): the share in which the unit's pipeline or array fills or drains.
    [[nodiscard]] virtual Time fill_drain(const Command& command) const;
    /// MACs the cells do for a tile: useful, padding and recomputation. As given here: m n k
    /// repeat.
    [[nodiscard]] virtual std::int64_t executed_macs(const Contract& tile) const;
    [[nodiscard]] virtual ScratchpadGeometry scratchpad() const;
    [[nodiscard]] virtual DmaPort dma_port() const;
    /// Appends what a contract or vector command does to the banks. A command whose own uses need
    /// more bank time than duration() is not slowed by that: duration() has it already.
    /// As given here: every operand byte crosses once.
    virtual void bank_uses(const Command& command, std::vector<BankUse>& uses) const;
    /// The family's SystemC modules; null where the engine's own do.
    [[nodiscard]] virtual const UnitFactory* unit_factory() const;
    /// The actions it counts, with prices.
    [[nodiscard]] virtual std::vector<Action> actions() const = 0;
    /// Adds what a command does; `ids` are the places of actions() in `counts`.
    virtual void count(const Command& command, std::span<const ActionId> ids,
                       Counts& counts) const = 0;
    [[nodiscard]] virtual std::vector<StaticPower> static_power() const = 0;
};

}  // namespace perfwatt
