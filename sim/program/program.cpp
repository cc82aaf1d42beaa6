#include "sim/program/program.h"

#include <algorithm>

namespace perfwatt {

ScratchpadIndex::ScratchpadIndex(const std::vector<Unit>& units) {
    std::vector<std::size_t> cores(1, 1);
    for (const Unit& unit : units) {
        const auto engine = static_cast<std::size_t>(unit.engine);
        if (engine >= cores.size()) cores.resize(engine + 1, 1);
        cores[engine] = std::max(cores[engine], static_cast<std::size_t>(unit.core) + 1);
    }
    for (std::size_t engine = 0; engine < cores.size(); ++engine) {
        first_.push_back(engine_of_.size());
        engine_of_.insert(engine_of_.end(), cores[engine], static_cast<int>(engine));
    }
}

}  // namespace perfwatt
