#include "models/dram/trace_writer.h"

#include <fmt/format.h>

namespace perfwatt::dram {

std::string trace_line(TraceForm form, const TraceRequest& request) {
    switch (form) {
        case TraceForm::own:
            return fmt::format("{},{:#x},{}\n", request.cycle, request.address,
                               request.write ? 'W' : 'R');
        case TraceForm::ramulator:
            return fmt::format("{} {:#x}\n", request.write ? "ST" : "LD", request.address);
        case TraceForm::dramsys:
            return fmt::format("{}:\t{}\t{:#x}\n", request.cycle, request.write ? "write" : "read",
                               request.address);
    }
    return {};
}

void write_trace(TraceForm form, const std::function<bool(TraceRequest&)>& supply,
                 std::ostream& out) {
    for (TraceRequest request; supply(request);) out << trace_line(form, request);
}

}  // namespace perfwatt::dram
