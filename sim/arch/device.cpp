#include "sim/arch/device.h"

#include <charconv>

namespace perfwatt {

std::optional<std::int64_t> positive_number(std::string_view text) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value < 1) return std::nullopt;
    return value;
}

std::string Device::weight_layout() const { return {}; }

std::int64_t Device::outputs_at_once(const Kernel& /*kernel*/) const { return 1; }

Time Device::memory_time(const MappingRequest& request, const MappingChoice&, MemoryId memory,
                         std::int64_t bytes_per_second) const {
    std::int64_t bytes = 0;
    const auto add = [&](const std::vector<Placement>& places,
                         const std::vector<Operand>& operands) {
        for (std::size_t i = 0; i < places.size(); ++i)
            if (places[i].where == Placement::Where::memory && places[i].region.memory == memory)
                bytes += operands[i].bytes;
    };
    add(request.inputs, request.kernel->inputs);
    add(request.outputs, request.kernel->outputs);
    return transfer_time(bytes, bytes_per_second);
}

bool Device::decodes(WeightFormat format) const { return format == WeightFormat::plain; }

std::int64_t Device::weight_bytes(const Kernel& kernel) const {
    return kernel.inputs.size() > 1 ? kernel.inputs[1].bytes : 0;
}

std::int64_t Device::skipped_macs(const Kernel&) const { return 0; }

Time Device::fill_drain(const Command&) const { return Time::zero(); }

std::int64_t Device::executed_macs(const Contract& tile) const {
    return tile.m * tile.n * tile.k * tile.repeat;
}

ScratchpadGeometry Device::scratchpad() const { return {}; }

DmaPort Device::dma_port() const { return {}; }

const UnitFactory* Device::unit_factory() const { return nullptr; }

void Device::bank_uses(const Command& command, std::vector<BankUse>& uses) const {
    if (const auto* contract = std::get_if<Contract>(&command.work)) {
        uses.push_back({contract->first, contract->first.bytes});
        uses.push_back({contract->second, contract->second.bytes});
        uses.push_back({contract->output, contract->output.bytes});
    } else if (const auto* vector = std::get_if<Vector>(&command.work)) {
        uses.push_back({vector->input, vector->read_bytes});
        uses.push_back({vector->output, vector->write_bytes});
    }
}

}  // namespace perfwatt
