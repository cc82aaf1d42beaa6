#include "models/link/link_channel.h"

#include <algorithm>
#include <utility>

#include "sim/base/diagnostics.h"
#include "sim/base/math.h"

namespace perfwatt::link {

LinkChannel::LinkChannel(LinkSpec spec) : spec_(std::move(spec)) {
    PERFWATT_CHECK(spec_.bytes_per_second > 0, "link " + spec_.name + " has no bandwidth");
    PERFWATT_CHECK(spec_.latency >= Time::zero(), "link " + spec_.name);
    PERFWATT_CHECK(spec_.packet_payload_bytes >= 0 && spec_.packet_overhead_bytes >= 0,
                   "link " + spec_.name);
}

std::int64_t LinkChannel::wire_bytes(std::int64_t bytes) const {
    if (spec_.packet_payload_bytes == 0) {
        return bytes;
    }
    return bytes + ceil_div(bytes, spec_.packet_payload_bytes) * spec_.packet_overhead_bytes;
}

Crossing LinkChannel::send(Direction direction, Passage departure, std::int64_t bytes) {
    PERFWATT_CHECK(departure.head <= departure.tail && bytes > 0, "link " + spec_.name);
    Time& free = free_[static_cast<std::size_t>(direction)];
    const Time needed = transfer_time(wire_bytes(bytes), spec_.bytes_per_second);
    // Data that trickle in leave gaps, which transfers that come in between use: the link is taken
    // for the time needed from the first datum on, and the last one leaves no sooner than it came.
    const Time begin = std::max(departure.head, free);
    free = begin + needed;
    const Time sent = std::max(free, departure.tail);
    return {.arrival = {.head = begin + spec_.latency, .tail = sent + spec_.latency},
            .busy_from = begin,
            .busy_to = free};
}

std::vector<Action> LinkChannel::actions() const {
    Action bits{.name = spec_.name + ".bit",
                .unit = "bit",
                .meaning = "bits on the wires of link " + spec_.name + ", headers included",
                .component = EnergyComponent::link,
                .picojoules = spec_.picojoules_per_bit,
                .source = spec_.energy_source,
                .not_modelled = {}};
    if (spec_.picojoules_per_bit == 0) {
        bits.not_modelled = spec_.energy_source.empty()
                                ? "link " + spec_.name + ": the chip states no energy per bit"
                                : spec_.energy_source;
    }
    return {bits};
}

void LinkChannel::count(std::int64_t bytes, int layer, const std::vector<ActionId>& ids,
                        Counts& counts) const {
    counts.add(layer, ids.front(), wire_bytes(bytes) * 8);
}

std::vector<std::unique_ptr<LinkModel>> make_links(const std::vector<LinkSpec>& specs) {
    std::vector<std::unique_ptr<LinkModel>> links;
    links.reserve(specs.size());
    for (const LinkSpec& spec : specs) {
        links.push_back(std::make_unique<LinkChannel>(spec));
    }
    return links;
}

}  // namespace perfwatt::link
