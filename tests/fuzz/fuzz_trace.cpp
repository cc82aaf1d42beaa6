// Any bytes read as a trace end in requests or a UserError, never in anything else. What is read
// replays: every request is served, the bytes on the pins are those asked for, and the trace that
// TraceWriter makes of it reads as the same requests.
#include <cstdint>
#include <sstream>
#include <string>
#include <vector>

#include "models/dram/dram_schema.h"
#include "models/dram/trace_reader.h"
#include "models/dram/trace_replay.h"
#include "models/dram/trace_writer.h"
#include "sim/base/diagnostics.h"

namespace perfwatt::dram {
namespace {

using Requests = std::vector<TraceRequest>;

constexpr std::int64_t kLongestGap = 100'000;  // clocks: longer ones are refreshes, one by one

const DramSpec& spec() {
    static const DramSpec loaded = load_spec(ConfigPath({PERFWATT_SOURCE_DIR}), "ddr4_3200").spec;
    return loaded;
}

/// Empty for what is no trace.
Requests read(const std::string& text, std::int64_t capacity) {
    std::istringstream in(text);
    TraceReader reader(in, "fuzz.csv", capacity);
    Requests requests;
    Tick last = 0;
    try {
        for (TraceRequest request; reader.next(request); last = request.cycle) {
            PERFWATT_CHECK(request.cycle >= last, "time does not go backwards");
            PERFWATT_CHECK(request.address >= 0 && request.address < capacity,
                           "an address is in the memory");
            requests.push_back(request);
        }
        PERFWATT_CHECK(!requests.empty(), "a trace has requests");
    } catch (const UserError& error) {
        PERFWATT_CHECK(!error.diagnostics().empty(), "an error says what is wrong");
        for (const char c : error.diagnostics().front().source_line) {
            PERFWATT_CHECK(c >= ' ' && c <= '~', "a message can be shown on a terminal");
        }
        return {};
    }
    return requests;
}

TraceSupply supply_of(const Requests& requests, std::size_t& at) {
    return [&requests, &at](TraceRequest& request) {
        if (at == requests.size()) return false;
        request = requests[at++];
        return true;
    };
}

void check_replay(const Requests& requests) {
    if (requests.empty() || requests.back().cycle > kLongestGap) return;
    std::size_t at = 0;
    const ReplayResult result = replay(spec(), supply_of(requests, at), {.window = 8});
    const auto count = static_cast<std::int64_t>(requests.size());
    PERFWATT_CHECK(result.requests == count, "every request is served");
    const std::int64_t columns =
        result.command("RD") + result.command("RDA") + result.command("WR") + result.command("WRA");
    PERFWATT_CHECK(columns == count, "a burst a request");
    PERFWATT_CHECK(result.cycles >= requests.back().cycle, "nothing is served before it is asked");
}

void check_round_trip(const Requests& requests, std::int64_t capacity) {
    if (requests.empty()) return;
    std::size_t at = 0;
    std::ostringstream out;
    write_trace(TraceForm::own, supply_of(requests, at), out);
    const Requests again = read(out.str(), capacity);
    PERFWATT_CHECK(again.size() == requests.size(), "a trace that was written can be read");
    for (std::size_t i = 0; i < again.size(); ++i) {
        PERFWATT_CHECK(again[i].cycle == requests[i].cycle &&
                           again[i].address == requests[i].address &&
                           again[i].write == requests[i].write,
                       "and holds the same requests");
    }
}

}  // namespace
}  // namespace perfwatt::dram

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace perfwatt::dram;
    const std::string text(reinterpret_cast<const char*>(data), size);
    const std::int64_t capacity = spec().organization.capacity_bytes();
    const auto requests = read(text, capacity);
    check_replay(requests);
    check_round_trip(requests, capacity);
    // Most changes break some line: the lines before it are a trace more often.
    const std::size_t half = text.find('\n', size / 2);
    if (half != std::string::npos) check_replay(read(text.substr(0, half), capacity));
    return 0;
}
