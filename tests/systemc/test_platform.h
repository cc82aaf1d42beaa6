#pragma once

#include <deque>
#include <string>
#include <vector>

#include "models/link/link_channel.h"
#include "sim/arch/device.h"
#include "sim/arch/memory_model.h"
#include "sim/engine/platform.h"

/// A device, a memory and programs small enough to compute by hand.
namespace perfwatt::testing_support {

inline Time ns(std::int64_t n) { return Time::from_ps(n * 1000); }

/// 1000 MACs a nanosecond per matrix unit, 100 operations a nanosecond per vector unit.
class TestDevice final : public Device {
  public:
    explicit TestDevice(std::vector<Unit> units) : units_(std::move(units)) {}

    ScratchpadGeometry geometry;
    DmaPort port;
    Time filling;
    std::int64_t mac_peak = 1'000'000'000'000;
    double mac_price = 1.0;
    const UnitFactory* factory = nullptr;

    std::vector<Unit> units() const override { return units_; }
    OnChipMemory on_chip() const override { return {}; }
    Peak peak(DataType, DataType) const override {
        return {mac_peak * count(UnitKind::matrix), 100'000'000'000 * count(UnitKind::vector)};
    }
    std::optional<Infeasible> refuses(const Kernel&) const override { return {}; }
    std::variant<MappingChoice, Infeasible> map(const MappingRequest&) const override {
        return Infeasible{"this device has no mapper"};
    }
    std::variant<Time, Infeasible> cost(const MappingRequest&, const Mapping&) const override {
        return Infeasible{"this device has no mapper"};
    }
    void emit(const MappingRequest&, const Mapping&, LayerId, ProgramBuilder&) const override {}

    Time duration(const Command& command) const override;
    Time fill_drain(const Command&) const override { return filling; }
    ScratchpadGeometry scratchpad() const override { return geometry; }
    DmaPort dma_port() const override { return port; }
    const UnitFactory* unit_factory() const override { return factory; }
    std::vector<Action> actions() const override;
    void count(const Command& command, std::span<const ActionId> ids,
               Counts& counts) const override;
    std::vector<StaticPower> static_power() const override { return {}; }

  private:
    std::int64_t count(UnitKind kind) const;

    std::vector<Unit> units_;
};

/// One channel that serves transfers in order at a constant rate; an answer comes `latency` after
/// the last datum. Faults are for the tests of what catches them.
class TestMemory final : public MemoryModel {
  public:
    enum class Fault : std::uint8_t { none, loses_a_request, throws, runs_late, miscounts };

    explicit TestMemory(std::int64_t bytes_per_second, Time latency, Fault fault = Fault::none)
        : rate_(bytes_per_second), latency_(latency), fault_(fault) {}

    void submit(Time now, const MemoryTransfer& transfer) override;
    void advance(Time limit, std::vector<MemoryCompletion>& completions) override;
    Time next_completion_bound() const override;
    Time data_bus_busy(Time at) const override;
    void finish(Time end) override;
    std::vector<Action> actions() const override;
    void add_counts(Counts& counts, const std::vector<ActionId>& ids) const override;
    MemoryReport report() const override;

  private:
    struct Waiting {
        MemoryTransfer transfer;
        Time arrived;
    };
    Time start_of_next() const;

    std::int64_t rate_;
    Time latency_;
    Fault fault_;
    std::deque<Waiting> queue_;
    std::vector<std::pair<int, std::int64_t>> bytes_by_layer_;
    Time free_;
    Time busy_;
    Time advanced_to_;
    std::int64_t bytes_[2] = {0, 0};
    std::int64_t requests_ = 0;
};

/// Units, memories and commands, put together line by line.
class ProgramMaker {
  public:
    Program program;

    UnitId unit(const std::string& name, UnitKind kind, int core = 0);
    LayerId layer(const std::string& name);
    /// `bytes` at `address` of memory 0 into `target`.
    CommandId load(UnitId unit, std::int64_t bytes, std::int64_t address = 0, Buffer target = {},
                   std::vector<CommandId> after = {});
    CommandId store(UnitId unit, std::int64_t bytes, std::int64_t address = 0, Buffer source = {},
                    std::vector<CommandId> after = {});
    /// `macs` useful ones, which also stand in the layer.
    CommandId contract(UnitId unit, std::int64_t macs, std::vector<CommandId> after = {},
                       Buffer first = {}, Buffer second = {}, Buffer output = {});
    CommandId vector(UnitId unit, std::int64_t operations, std::vector<CommandId> after = {});
    CommandId delay(UnitId unit, Time duration, std::int64_t operations = 0,
                    std::vector<CommandId> after = {});
    CommandId add(UnitId unit, CommandWork work, std::vector<CommandId> after);

    LayerId current;  ///< of the commands added next; none at first
};

struct TestMemorySpec {
    std::int64_t bytes_per_second = 10'000'000'000;
    Time latency = ns(50);
    TestMemory::Fault fault = TestMemory::Fault::none;
    std::vector<std::string> via;
    std::int64_t transaction_bytes = 1000;
    int outstanding = 4;
};

[[nodiscard]] PlatformSetup make_setup(const Program& program, const Device& device,
                                       const std::vector<TestMemorySpec>& memories,
                                       const std::vector<LinkSpec>& links = {});
/// Runs in a child; the end of the run, then the end of each command, in femtoseconds.
[[nodiscard]] std::vector<std::int64_t> ends(const Program& program, const Device& device,
                                             const std::vector<TestMemorySpec>& memories,
                                             const std::vector<LinkSpec>& links = {});

}  // namespace perfwatt::testing_support
