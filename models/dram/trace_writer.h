#pragma once

#include <cstdint>
#include <functional>
#include <ostream>
#include <string>

#include "models/dram/trace_reader.h"

namespace perfwatt::dram {

enum class TraceForm : std::uint8_t {
    own,        ///< cycle,address,R|W
    ramulator,  ///< Ramulator 2's load-store traces: "LD 0x40", "ST 0x80"; it has no cycles
    dramsys,    ///< DRAMSys's .stl: "12:\\tread\\t0x40"
};

/// A request as a line of that form.
[[nodiscard]] std::string trace_line(TraceForm form, const TraceRequest& request);

/// Writes every request that `supply` gives, a line each.
void write_trace(TraceForm form, const std::function<bool(TraceRequest&)>& supply,
                 std::ostream& out);

}  // namespace perfwatt::dram
