#include "sim/arch/device.h"

namespace perfwatt {

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
