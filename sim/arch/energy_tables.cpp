#include "sim/arch/energy_tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <span>

#include "sim/base/diagnostics.h"

namespace perfwatt {
namespace {

/// Log-log interpolation between two points.
double between(double x, double x0, double y0, double x1, double y1) {
    if (x0 == x1) return y0;
    const double t = std::log(x / x0) / std::log(x1 / x0);
    return y0 * std::pow(y1 / y0, t);
}

double capacitance(const EnergyAnchor& anchor) {
    return anchor.picojoules / (anchor.voltage * anchor.voltage);
}

constexpr std::string_view kEstimated = "estimated: ";

bool is_estimated(std::string_view source) { return source.starts_with(kEstimated); }

/// One source for what several figures made: estimated if any of them is.
std::string joined(std::span<const std::string> sources, std::string_view remark) {
    std::set<std::string> seen;
    std::string out;
    bool estimated = !remark.empty();
    for (const std::string& source : sources) {
        if (!seen.insert(source).second) continue;
        estimated = estimated || is_estimated(source);
        if (!out.empty()) out += "; ";
        out += is_estimated(source) ? source.substr(kEstimated.size()) : source;
    }
    if (!remark.empty()) out += fmt::format(", {}", remark);
    return estimated ? std::string(kEstimated) + out : out;
}

/// The name under which the multiplier or adder of a type is listed.
std::string type_name(DataType type) {
    switch (type) {
        case DataType::int4:
            return "int4";
        case DataType::int8:
        case DataType::uint8:
        case DataType::boolean:
            return "int8";
        case DataType::int16:
            return "int16";
        case DataType::int32:
        case DataType::int64:
            return "int32";
        case DataType::fp8:
            return "fp8";
        case DataType::fp16:
            return "fp16";
        case DataType::bf16:
            return "bf16";
        case DataType::tf32:
            return "tf32";
        case DataType::fp32:
        case DataType::fp64:
            return "fp32";
    }
    check_failed("type_name", __FILE__, __LINE__, "no such data type");
}

/// A 64-bit type is as many 32-bit operations as its multiplier has 32-bit parts.
constexpr double kWideMultiplies = 4;
constexpr double kWideAdds = 2;
bool is_wide(DataType type) { return type == DataType::int64 || type == DataType::fp64; }

constexpr int kOperandsOfAnOperation = 3;  ///< two read, one written

}  // namespace

std::vector<std::string> required_quantities() {
    std::vector<std::string> names = {"register_bit", "wire_bit_mm"};
    for (const char* type :
         {"int4", "int8", "int16", "int32", "fp8", "fp16", "bf16", "tf32", "fp32"})
        for (const char* operation : {"multiply_", "add_"})
            names.push_back(std::string(operation) + type);
    return names;
}

EnergyTables::EnergyTables(std::vector<NodeScaling> nodes, std::vector<EnergyQuantity> quantities,
                           std::vector<SramRow> sram)
    : nodes_(std::move(nodes)), quantities_(std::move(quantities)), sram_(std::move(sram)) {
    PERFWATT_CHECK(!nodes_.empty(), "energy tables need nodes");
    const auto larger = [](const auto& a, const auto& b) { return a.node_nm > b.node_nm; };
    std::stable_sort(nodes_.begin(), nodes_.end(), larger);
    for (EnergyQuantity& quantity : quantities_) {
        PERFWATT_CHECK(!quantity.anchors.empty(), quantity.name + " has no figure");
        std::stable_sort(quantity.anchors.begin(), quantity.anchors.end(), larger);
    }
    for (const std::string& name : required_quantities())
        PERFWATT_CHECK(has(name), name + " has no price");
}

const EnergyQuantity* EnergyTables::find(const std::string& name) const {
    for (const EnergyQuantity& quantity : quantities_)
        if (quantity.name == name) return &quantity;
    return nullptr;
}

bool EnergyTables::has(const std::string& quantity) const { return find(quantity) != nullptr; }

std::optional<std::string> EnergyTables::refuses(Silicon silicon) const {
    const double largest = nodes_.front().node_nm;
    const double smallest = nodes_.back().node_nm;
    if (!(silicon.node_nm >= smallest && silicon.node_nm <= largest))
        return fmt::format("energies are known from {} nm down to {} nm, not at {} nm", largest,
                           smallest, silicon.node_nm);
    if (silicon.voltage == 0) return std::nullopt;
    const double nominal = nominal_voltage(silicon.node_nm);
    constexpr double kLowest = 0.5;   // near-threshold logic obeys other laws
    constexpr double kHighest = 1.6;  // breaks the oxide
    if (!(silicon.voltage >= kLowest * nominal && silicon.voltage <= kHighest * nominal))
        return fmt::format("{} V is out of reach at {} nm, where {:.3g} V is nominal",
                           silicon.voltage, silicon.node_nm, nominal);
    return std::nullopt;
}

double EnergyTables::nominal_voltage(double node_nm) const {
    std::size_t i = 0;
    while (i + 2 < nodes_.size() && nodes_[i + 1].node_nm > node_nm) ++i;
    if (nodes_.size() == 1) return nodes_[0].nominal_voltage;
    return between(node_nm, nodes_[i].node_nm, nodes_[i].nominal_voltage, nodes_[i + 1].node_nm,
                   nodes_[i + 1].nominal_voltage);
}

double EnergyTables::gate_capacitance(double node_nm) const {
    const auto of = [](const NodeScaling& n) {
        const double v = n.nominal_voltage;
        return (n.a * v * v + n.b * v + n.c) / (v * v);
    };
    std::size_t i = 0;
    while (i + 2 < nodes_.size() && nodes_[i + 1].node_nm > node_nm) ++i;
    if (nodes_.size() == 1) return of(nodes_[0]);
    return between(node_nm, nodes_[i].node_nm, of(nodes_[i]), nodes_[i + 1].node_nm,
                   of(nodes_[i + 1]));
}

double EnergyTables::capacitance_ratio(double to_nm, double from_nm) const {
    return gate_capacitance(to_nm) / gate_capacitance(from_nm);
}

EnergyPrice EnergyTables::price(const std::string& name, Silicon silicon) const {
    const EnergyQuantity* quantity = find(name);
    PERFWATT_CHECK(quantity != nullptr, name + " has no price");
    const std::vector<EnergyAnchor>& anchors = quantity->anchors;
    const double voltage = silicon.voltage > 0 ? silicon.voltage : nominal_voltage(silicon.node_nm);
    const double square = voltage * voltage;

    const auto after = std::find_if(anchors.begin(), anchors.end(), [&](const EnergyAnchor& a) {
        return a.node_nm <= silicon.node_nm;
    });
    if (after != anchors.end() && after != anchors.begin()) {
        const EnergyAnchor& above = *(after - 1);
        const double c = between(silicon.node_nm, above.node_nm, capacitance(above), after->node_nm,
                                 capacitance(*after));
        const std::string sources[] = {above.source, after->source};
        return {c * square, joined(sources, {})};
    }
    const EnergyAnchor& nearest = after == anchors.end() ? anchors.back() : anchors.front();
    const double c = capacitance(nearest) * capacitance_ratio(silicon.node_nm, nearest.node_nm);
    const std::string sources[] = {nearest.source};
    const std::string remark =
        nearest.node_nm == silicon.node_nm
            ? std::string()
            : fmt::format("scaled from {} nm after Stillmaker and Baas 2017", nearest.node_nm);
    return {c * square, joined(sources, remark)};
}

EnergyPrice EnergyTables::mac(DataType first, DataType second, Silicon silicon) const {
    const bool floating = is_floating(first) || is_floating(second);
    const DataType wider = is_floating(first) != is_floating(second)
                               ? (is_floating(first) ? first : second)
                               : (bits(first) >= bits(second) ? first : second);
    const EnergyPrice multiply = price("multiply_" + type_name(wider), silicon);
    const EnergyPrice add = price(floating ? "add_fp32" : "add_int32", silicon);
    const std::string sources[] = {multiply.source, add.source};
    const bool wide = is_wide(wider);
    return {multiply.picojoules * (wide ? kWideMultiplies : 1) +
                add.picojoules * (wide ? kWideAdds : 1),
            joined(sources, wide ? "as several 32-bit operations" : "")};
}

EnergyPrice EnergyTables::vector_operation(DataType type, Silicon silicon) const {
    const EnergyPrice add = price("add_" + type_name(type), silicon);
    const EnergyPrice bit = register_bit(silicon);
    const std::string sources[] = {add.source, bit.source};
    return {add.picojoules * (is_wide(type) ? kWideAdds : 1) +
                bit.picojoules * bits(type) * kOperandsOfAnOperation,
            joined(sources, "")};
}

EnergyPrice EnergyTables::register_bit(Silicon silicon) const {
    return price("register_bit", silicon);
}

EnergyPrice EnergyTables::wire_bit_mm(Silicon silicon) const {
    return price("wire_bit_mm", silicon);
}

}  // namespace perfwatt
