#include "models/dram/trace_generator.h"

#include <algorithm>
#include <bit>

namespace perfwatt::dram {
namespace {

constexpr std::size_t kWord = 624;
constexpr std::size_t kMiddle = 397;

}  // namespace

std::optional<TraceKind> trace_kind_from(std::string_view name) {
    constexpr std::array<std::pair<std::string_view, TraceKind>, 6> kNames = {{
        {"seqR", TraceKind::sequential_reads},
        {"seqW", TraceKind::sequential_writes},
        {"mix21", TraceKind::mixed},
        {"randR", TraceKind::random_reads},
        {"rowconf", TraceKind::row_conflicts},
        {"npu", TraceKind::network},
    }};
    for (const auto& [known, kind] : kNames) {
        if (known == name) return kind;
    }
    return std::nullopt;
}

// Matsumoto and Nishimura's init_by_array with the one-word key that Python makes of a small seed.
PythonRandom::PythonRandom(std::uint32_t seed) {
    state_[0] = 19650218U;
    for (std::uint32_t i = 1; i < kWord; ++i) {
        state_[i] = 1812433253U * (state_[i - 1] ^ (state_[i - 1] >> 30U)) + i;
    }
    std::size_t i = 1;
    const auto wrap = [&] {
        if (++i < kWord) return;
        state_[0] = state_[kWord - 1];
        i = 1;
    };
    for (std::size_t k = 0; k < kWord; ++k) {
        state_[i] = (state_[i] ^ ((state_[i - 1] ^ (state_[i - 1] >> 30U)) * 1664525U)) + seed;
        wrap();
    }
    for (std::size_t k = 0; k + 1 < kWord; ++k) {
        state_[i] = (state_[i] ^ ((state_[i - 1] ^ (state_[i - 1] >> 30U)) * 1566083941U)) -
                    static_cast<std::uint32_t>(i);
        wrap();
    }
    state_[0] = 0x80000000U;
}

void PythonRandom::refill() {
    for (std::size_t i = 0; i < kWord; ++i) {
        const std::uint32_t joined =
            (state_[i] & 0x80000000U) | (state_[(i + 1) % kWord] & 0x7fffffffU);
        const std::uint32_t twist = (joined & 1U) != 0 ? 0x9908b0dfU : 0U;
        state_[i] = state_[(i + kMiddle) % kWord] ^ (joined >> 1U) ^ twist;
    }
    at_ = 0;
}

std::uint32_t PythonRandom::next() {
    if (at_ == kWord) refill();
    std::uint32_t y = state_[at_++];
    y ^= y >> 11U;
    y ^= (y << 7U) & 0x9d2c5680U;
    y ^= (y << 15U) & 0xefc60000U;
    return y ^ (y >> 18U);
}

std::uint32_t PythonRandom::below(std::uint32_t below) {
    const auto bits = static_cast<unsigned>(std::bit_width(below));
    std::uint32_t value = 0;
    do {
        value = next() >> (32U - bits);
    } while (value >= below);
    return value;
}

TraceGenerator::TraceGenerator(const TracePlan& plan) : plan_(plan), random_(plan.seed) {}

bool TraceGenerator::next(TraceRequest& request) {
    if (index_ == plan_.requests) return false;
    const std::int64_t i = index_++;
    const std::int64_t step = plan_.granularity_bytes;
    request = {.cycle = i * plan_.gap_clocks, .address = i * step, .write = false};
    switch (plan_.kind) {
        case TraceKind::sequential_reads:
            break;
        case TraceKind::sequential_writes:
            request.write = true;
            break;
        case TraceKind::mixed:
            request.write = i % 3 == 2;
            request.address =
                request.write ? plan_.capacity_bytes / 4 + writes_++ * step : reads_++ * step;
            break;
        case TraceKind::random_reads: {
            constexpr std::int64_t kSpan = std::int64_t{1} << 30;
            const std::int64_t span = std::min(plan_.capacity_bytes, kSpan) / step;
            request.address = random_.below(static_cast<std::uint32_t>(span)) * step;
            break;
        }
        case TraceKind::row_conflicts:
            request.address = i * plan_.conflict_stride_bytes % plan_.capacity_bytes;
            break;
        case TraceKind::network: {
            constexpr std::array<std::int64_t, 3> kBlock = {4096, 1024, 1024};
            const std::array<std::int64_t, 3> base = {0, plan_.capacity_bytes / 4,
                                                      plan_.capacity_bytes / 2};
            request.address = base[stream_] + offset_[stream_] + in_block_;
            request.write = stream_ == 2;
            in_block_ += step;
            if (in_block_ >= kBlock[stream_]) {
                offset_[stream_] += kBlock[stream_];
                in_block_ = 0;
                stream_ = (stream_ + 1) % 3;
            }
            break;
        }
    }
    return true;
}

}  // namespace perfwatt::dram
