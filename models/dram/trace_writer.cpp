#include "models/dram/trace_writer.h"

#include <fmt/format.h>

#include <string>

namespace perfwatt::dram {
namespace {

std::string line_of(TraceForm form, const TraceRequest& request) {
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

}  // namespace

void write_trace(TraceForm form, const std::function<bool(TraceRequest&)>& supply,
                 std::ostream& out) {
    for (TraceRequest request; supply(request);) out << line_of(form, request);
}

}  // namespace perfwatt::dram
