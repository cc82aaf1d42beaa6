#include "sim/report/trace.h"

#include <fmt/format.h>

#include "sim/base/diagnostics.h"
#include "sim/report/json_writer.h"

namespace perfwatt {
namespace {

using Layout = JsonWriter::Layout;

constexpr int kProcess = 1;
constexpr std::int64_t kFsPerPs = 1000;
constexpr std::int64_t kPsPerUs = 1'000'000;

/// Rounded down to the picosecond at both ends, so that neighbours still touch.
std::int64_t whole_ps(Time at) { return at.fs / kFsPerPs; }
std::string microseconds(std::int64_t ps) {
    return fmt::format("{}.{:06}", ps / kPsPerUs, ps % kPsPerUs);
}

void write_name(JsonWriter& json, std::string_view what, int thread, std::string_view name) {
    json.begin_object(Layout::inline_);
    json.member("ph", "M");
    json.member("name", what);
    json.member("pid", kProcess);
    json.member("tid", thread);
    json.key("args");
    json.begin_object(Layout::inline_);
    json.member("name", name);
    json.end_object();
    json.end_object();
}

/// Tracks are shown in the order given, not by name.
void write_order(JsonWriter& json, int thread) {
    json.begin_object(Layout::inline_);
    json.member("ph", "M");
    json.member("name", "thread_sort_index");
    json.member("pid", kProcess);
    json.member("tid", thread);
    json.key("args");
    json.begin_object(Layout::inline_);
    json.member("sort_index", thread);
    json.end_object();
    json.end_object();
}

void write_slice(JsonWriter& json, const Timeline& timeline, const Timeline::Slice& slice,
                 int thread) {
    const std::int64_t start = whole_ps(slice.start);
    json.begin_object(Layout::inline_);
    json.member("ph", "X");
    json.member("name", timeline.names[static_cast<std::size_t>(slice.name)]);
    json.member("pid", kProcess);
    json.member("tid", thread);
    json.key("ts");
    json.raw(microseconds(start));
    json.key("dur");
    json.raw(microseconds(whole_ps(slice.start + slice.duration) - start));
    if (slice.layer >= 0) {
        json.key("args");
        json.begin_object(Layout::inline_);
        json.member("layer", timeline.layers[static_cast<std::size_t>(slice.layer)]);
        json.end_object();
    }
    json.end_object();
}

void write_sample(JsonWriter& json, const Timeline::Counter& counter, const Timeline::Sample& at) {
    json.begin_object(Layout::inline_);
    json.member("ph", "C");
    json.member("name", counter.name);
    json.member("pid", kProcess);
    json.key("ts");
    json.raw(microseconds(whole_ps(at.at)));
    json.key("args");
    json.begin_object(Layout::inline_);
    json.member("value", at.value);
    json.end_object();
    json.end_object();
}

}  // namespace

std::string trace_json(const Timeline& timeline, std::string_view title) {
    JsonWriter json;
    json.begin_object();
    json.member("displayTimeUnit", "ns");
    json.key("traceEvents");
    json.begin_array();
    write_name(json, "process_name", 0, title);
    int thread = 0;
    for (const Timeline::Track& track : timeline.tracks) {
        ++thread;
        write_name(json, "thread_name", thread, track.name);
        write_order(json, thread);
        for (const Timeline::Slice& slice : track.slices)
            write_slice(json, timeline, slice, thread);
    }
    for (const Timeline::Counter& counter : timeline.counters)
        for (const Timeline::Sample& sample : counter.samples) write_sample(json, counter, sample);
    json.end_array();
    json.end_object();
    return json.take();
}

}  // namespace perfwatt
