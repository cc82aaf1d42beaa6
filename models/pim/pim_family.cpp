#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "models/pim/pim_device.h"
#include "sim/arch/family.h"
#include "sim/config/json_schema.h"
#include "sim/config/schema.h"

namespace perfwatt::pim {
namespace {

/// The map under `pim:` of a chip YAML.
struct PimFile {
    std::string memory;
    ControllerSpec controller;
};

MapSchema<PimFile> schema() {
    using Controller = ControllerSpec;
    return MapSchema<PimFile>("pim")
        .text("memory", &PimFile::memory, {}, "name of the chip's memory whose units these are")
        .map("controller", &PimFile::controller,
             MapSchema<Controller>("controller")
                 .bytes("staging", &Controller::staging_bytes, {.min = "1 KiB", .max = "1 GiB"},
                        "its own memory for vectors and partial sums")
                 .operations("operations", &Controller::operations_per_second, {},
                             "additions of partial sums and other vector work a second")
                 .energy("operation_energy", &Controller::operation, {}, "of one of them")
                 .energy("staging_byte", &Controller::staging_byte, {},
                         "a byte into or out of the staging memory")
                 .power("idle_power", &Controller::idle_watts, {}, "leakage included"),
             Presence::required, "who drives the units: a memory controller, an FPGA, a host core");
}

class PimFamily final : public Family {
  public:
    [[nodiscard]] std::string_view name() const override { return "pim"; }
    [[nodiscard]] std::shared_ptr<const Device> parse(const ConfigNode& node,
                                                      const std::string& path,
                                                      const FamilyContext& context,
                                                      Reading& reading) const override {
        const std::size_t errors = reading.error_count();
        const PimFile file = pim::schema().read(node, reading, path);
        if (reading.error_count() > errors || context.memories.empty()) return nullptr;
        std::vector<std::string> names;
        for (std::size_t i = 0; i < context.memories.size(); ++i) {
            const MemoryFacts& memory = context.memories[i];
            names.push_back(memory.name);
            if (memory.name != file.memory) continue;
            if (memory.pim == nullptr) {
                reading.error(*node.find("memory"),
                              fmt::format("memory '{}' has no processing units", memory.name),
                              "its standard needs a map 'pim'");
                return nullptr;
            }
            return std::make_shared<PimDevice>(
                *memory.pim, MemoryId{static_cast<std::int32_t>(i)}, memory.bytes_per_second,
                fmt::format("units of {}", memory.name), file.controller);
        }
        std::string hint = did_you_mean(file.memory, names);
        if (hint.empty()) hint = fmt::format("memories: {}", fmt::join(names, ", "));
        reading.error(*node.find("memory"), fmt::format("there is no memory '{}'", file.memory),
                      std::move(hint));
        return nullptr;
    }
    [[nodiscard]] std::vector<Resource> resources() const override {
        return {{"controller", {"controller.operations"}},
                {"staging memory", {"controller.staging"}}};
    }
    [[nodiscard]] nlohmann::ordered_json schema() const override {
        return json_schema_of(pim::schema().rule());
    }
};

}  // namespace

std::unique_ptr<const Family> make_family() { return std::make_unique<PimFamily>(); }

}  // namespace perfwatt::pim
