#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "checked_compile.h"
#include "graph_maker.h"
#include "sim/compiler/compiler.h"
#include "sim/program/program_text.h"
#include "small_npu.h"

namespace perfwatt {
namespace {

constexpr std::int64_t kScratchpad = 128 << 10;
constexpr std::int64_t kBandwidth = 1'000'000'000;

Compiled compiled(Graph graph, int cores, const CompileOptions& options = {}) {
    npu::NpuSpec spec = small_npu(kScratchpad);
    spec.cores = cores;
    const npu::Npu device = made_of(
        std::move(spec),
        {{.bytes_per_second = kBandwidth, .burst_bytes = 32, .latency = Time::from_ns(100)}});
    return compiled_for(device, kBandwidth, std::move(graph), options);
}

/// `layers` products of 256 x 256: 64 KiB of weights each, 16 rows pass through.
Graph products(int layers, std::int64_t outputs = 256) {
    GraphMaker make;
    TensorId at = make.input({16, 256});
    for (int i = 0; i < layers; ++i) at = make.matmul(at, i + 1 == layers ? outputs : 256);
    make.output(at);
    return make.take();
}

std::int64_t resident_bytes(const Compiled& compiled) {
    std::int64_t all = 0;
    for (const TensorPlace& place : compiled.places)
        if (place.resident) all += place.bytes;
    return all;
}

TEST(DividedWeights, CoresTogetherHoldWhatNoneHoldsAlone) {
    // Six matrices are 384 KiB. A core has 128 KiB: it keeps one matrix if it keeps it whole. Four
    // cores keep a quarter of each of the six, 6 x 16 = 96 KiB each, which is 3/4 of what they
    // have.
    const Compiled divided = compiled(products(6), 4);
    EXPECT_EQ(resident_bytes(divided), 6 * 65536);
    for (const TensorPlace& place : divided.places) {
        if (place.role != TensorRole::weight) continue;
        EXPECT_EQ(place.placement.parts, 4);
        EXPECT_EQ(place.placement.buffer.bytes, 65536 / 4);
    }
    EXPECT_EQ(divided.on_chip_bytes, 6 * 65536 / 4);
    // Nothing but activations moves: each of the four cores reads all inputs of each product.
    const Totals moved = totals(divided.program);
    EXPECT_EQ(moved.read, 6 * 4 * 16 * 256);
    EXPECT_EQ(moved.written, 6 * 16 * 256);
    EXPECT_EQ(moved.useful_macs, divided.graph_macs);
}

TEST(DividedWeights, PlacesDoNotOverlap) {
    const Compiled divided = compiled(products(6), 4);
    std::map<std::int64_t, std::int64_t> kept;
    for (const TensorPlace& place : divided.places)
        if (place.resident) kept[place.placement.buffer.address] = place.placement.buffer.bytes;
    ASSERT_EQ(kept.size(), 6u);
    std::int64_t end = 0;
    for (const auto& [address, bytes] : kept) {
        EXPECT_GE(address, end);
        end = address + bytes;
    }
    EXPECT_LE(end, kScratchpad);
}

TEST(DividedWeights, EachCoreMultipliesByItsOwnPart) {
    const Compiled divided = compiled(products(6), 4);
    for (const Command& command : divided.program.commands) {
        const auto* tile = std::get_if<Contract>(&command.work);
        if (tile == nullptr) continue;
        bool within = false;
        for (const TensorPlace& place : divided.places)
            within = within ||
                     (place.resident && tile->second.address >= place.placement.buffer.address &&
                      tile->second.address + tile->second.bytes <=
                          place.placement.buffer.address + place.placement.buffer.bytes);
        EXPECT_TRUE(within);
    }
}

TEST(DividedWeights, ColdStartFetchesEachPartOnce) {
    CompileOptions cold;
    cold.start = Start::cold;
    const Totals steady = totals(compiled(products(6), 4).program);
    const Totals first = totals(compiled(products(6), 4, cold).program);
    EXPECT_EQ(first.read - steady.read, 6 * 65536);
    EXPECT_EQ(first.written, steady.written);
}

TEST(DividedWeights, PartsOfOutputsThatDoNotDivideAreRoundedUp) {
    // 250 outputs in four cores: 63, 63, 63 and 61 rows of 256 bytes.
    CompileOptions cold;
    cold.start = Start::cold;
    const Compiled steady = compiled(products(6, 250), 4);
    const Compiled first = compiled(products(6, 250), 4, cold);
    EXPECT_EQ(resident_bytes(steady), 5 * 65536 + 250 * 256);
    EXPECT_EQ(steady.on_chip_bytes, 5 * 16384 + 63 * 256);
    EXPECT_EQ(totals(first.program).read - totals(steady.program).read, 5 * 65536 + 250 * 256);
    EXPECT_EQ(totals(steady.program).useful_macs, steady.graph_macs);
}

TEST(DividedWeights, WhatFitsEachCoreStaysWhole) {
    const Compiled whole = compiled(products(1), 4);
    EXPECT_EQ(resident_bytes(whole), 65536);
    for (const TensorPlace& place : whole.places) EXPECT_EQ(place.placement.parts, 1);
}

TEST(DividedWeights, NoMoreThanTheCoresHold) {
    // 24 matrices of 59 to 64 KiB, all different. Each of four cores keeps 3/4 of its 128 KiB: six
    // quarters of a matrix, 24 would be 357.
    GraphMaker make;
    TensorId at = make.input({16, 256});
    for (int i = 0; i < 24; ++i) at = make.matmul(at, 256 - i);
    make.output(at);
    const Compiled divided = compiled(make.take(), 4);
    EXPECT_LE(divided.on_chip_bytes, 96 << 10);
    EXPECT_GE(divided.on_chip_bytes, 80 << 10);
    EXPECT_GE(resident_bytes(divided), 5 * (59 << 10));
    EXPECT_LE(resident_bytes(divided), 4 * (96 << 10));
}

TEST(DividedWeights, PlanIsCheaperThanWithoutThem) {
    CompileOptions none;
    none.resident_weights = false;
    EXPECT_LT(compiled(products(6), 4).predicted, compiled(products(6), 4, none).predicted);
    EXPECT_LE(compiled(products(6), 4).predicted, compiled(products(6), 1).predicted);
}

TEST(DividedWeights, DumpedMappingsReplay) {
    const Compiled found = compiled(products(8), 4);
    CompileOptions options;
    for (const KernelReport& kernel : found.kernels)
        options.mappings[kernel.name] = kernel.choice.mapping;
    EXPECT_EQ(to_text(compiled(products(8), 4, options).program), to_text(found.program));
}

}  // namespace
}  // namespace perfwatt
