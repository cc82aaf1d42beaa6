#include "models/sram/sram_energy.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "sim/base/diagnostics.h"

namespace perfwatt::sram {
namespace {

constexpr std::array<std::string_view, 3> kCells = {"hp", "lop", "lstp"};

/// Points of a curve, by the logarithm of their place.
using Curve = std::map<double, double>;

/// On a line through the neighbours of x; beyond the ends, along the last two points.
double on_curve(const Curve& curve, double x) {
    if (curve.size() == 1) return curve.begin()->second;
    auto after = curve.upper_bound(x);
    if (after == curve.begin()) ++after;
    if (after == curve.end()) --after;
    const auto before = std::prev(after);
    const double t = (x - before->first) / (after->first - before->first);
    return before->second + t * (after->second - before->second);
}

double value(const SramRow& row, Quantity quantity) {
    switch (quantity) {
        case Quantity::read_pj:
            return row.read_pj;
        case Quantity::write_pj:
            return row.write_pj;
        case Quantity::access_ns:
            return row.access_ns;
        case Quantity::leakage_mw:
            return row.leakage_mw;
        case Quantity::area_mm2:
            return row.area_mm2;
    }
    check_failed("quantity", __FILE__, __LINE__, "no such quantity");
}

/// Log-log in size along each width, then across the widths.
class Grid {
  public:
    void add(double bytes, double width_bytes, double value) {
        curves_[std::log(width_bytes)][std::log(bytes)] = std::log(value);
    }
    [[nodiscard]] bool empty() const { return curves_.empty(); }
    [[nodiscard]] double at(double bytes, double width_bytes) const {
        Curve across;
        for (const auto& [width, curve] : curves_) across[width] = on_curve(curve, std::log(bytes));
        return std::exp(on_curve(across, std::log(width_bytes)));
    }

  private:
    std::map<double, Curve> curves_;
};

/// The nodes that were run, from the largest to the smallest.
std::vector<int> nodes_of(const std::vector<SramRow>& rows) {
    std::vector<int> nodes;
    for (const SramRow& row : rows)
        if (std::find(nodes.begin(), nodes.end(), row.node_nm) == nodes.end())
            nodes.push_back(row.node_nm);
    std::sort(nodes.begin(), nodes.end(), std::greater<>());
    return nodes;
}

double supply_of(const std::vector<SramRow>& rows, int node_nm, Cell cell) {
    for (const SramRow& row : rows)
        if (row.node_nm == node_nm && row.cell == to_string(cell)) return row.voltage;
    check_failed("supply", __FILE__, __LINE__, fmt::format("no {} run", to_string(cell)));
}

/// A bank at one of the table's nodes: energies over V^2, leakage over V.
struct Bank {
    double read = 0, write = 0, leakage = 0, access_ns = 0, area_mm2 = 0;
};

Bank bank_at(const std::vector<SramRow>& rows, int node_nm, const Array& array) {
    const double bytes = static_cast<double>(array.bytes) / array.banks;
    const auto width = static_cast<double>(array.width_bytes);
    const auto of = [&](Quantity quantity) {
        return interpolate(rows, node_nm, array.cell, quantity, bytes, width);
    };
    const double v = supply_of(rows, node_nm, array.cell);
    return {.read = of(Quantity::read_pj) / (v * v),
            .write = of(Quantity::write_pj) / (v * v),
            .leakage = of(Quantity::leakage_mw) * 1e-3 / v,
            .access_ns = of(Quantity::access_ns),
            .area_mm2 = of(Quantity::area_mm2)};
}

Bank between(const Bank& a, const Bank& b, double t) {
    const auto mix = [t](double x, double y) { return x * std::pow(y / x, t); };
    return {.read = mix(a.read, b.read),
            .write = mix(a.write, b.write),
            .leakage = mix(a.leakage, b.leakage),
            .access_ns = mix(a.access_ns, b.access_ns),
            .area_mm2 = mix(a.area_mm2, b.area_mm2)};
}

/// How energy changes from a node of the table to one beyond it, at equal voltage.
double beyond(const EnergyTables& tables, double to_nm, double from_nm) {
    if (to_nm > from_nm) return tables.capacitance_ratio(to_nm, from_nm);
    const auto at = [&](double node) {
        return tables.price("sram_1mib_8b", {.node_nm = node, .voltage = 1}).picojoules;
    };
    return at(to_nm) / at(from_nm);
}

/// Bit cells: 0.092 um2 at 22 nm (Karl, ISSCC 2012), 0.027 um2 at 7 nm (Chang, ISSCC 2017):
/// ln(0.092 / 0.027) / ln(22 / 7) = 1.07.
constexpr double kAreaExponent = 1.07;

}  // namespace

std::string_view to_string(Cell cell) { return kCells[static_cast<std::size_t>(cell)]; }

std::optional<Cell> cell_from(std::string_view name) {
    for (std::size_t i = 0; i < kCells.size(); ++i)
        if (kCells[i] == name) return static_cast<Cell>(i);
    return std::nullopt;
}

double interpolate(const std::vector<SramRow>& rows, int node_nm, Cell cell, Quantity quantity,
                   double bytes, double width_bytes, const SramRow* without) {
    const auto fits = [&](const SramRow& row, Cell which) {
        return row.node_nm == node_nm && row.banks == 1 && row.cell == to_string(which);
    };
    const auto size = [](const SramRow& row) { return static_cast<double>(row.bytes); };
    const auto width = [](const SramRow& row) { return static_cast<double>(row.width_bytes); };
    Grid shape;
    for (const SramRow& row : rows)
        if (fits(row, Cell::hp) && &row != without)
            shape.add(size(row), width(row), value(row, quantity));
    PERFWATT_CHECK(!shape.empty(), fmt::format("no run at {} nm", node_nm));
    const double hp = shape.at(bytes, width_bytes);
    if (cell == Cell::hp) return hp;
    Grid ratio;
    for (const SramRow& row : rows)
        if (fits(row, cell) && &row != without)
            ratio.add(size(row), width(row),
                      value(row, quantity) / shape.at(size(row), width(row)));
    PERFWATT_CHECK(!ratio.empty(), fmt::format("no {} run at {} nm", to_string(cell), node_nm));
    return hp * ratio.at(bytes, width_bytes);
}

Cost SramEnergy::cost(const Array& array, Silicon silicon) const {
    PERFWATT_CHECK(array.bytes > 0 && array.width_bytes > 0 && array.banks > 0,
                   "an array has bytes, a width and banks");
    const std::vector<SramRow>& rows = tables_.sram();
    const std::vector<int> nodes = nodes_of(rows);
    PERFWATT_CHECK(!nodes.empty(), "no SRAM table");
    const double node = silicon.node_nm;
    const double v = silicon.voltage > 0 ? silicon.voltage : tables_.nominal_voltage(node);

    const auto smaller =
        std::find_if(nodes.begin(), nodes.end(), [&](int candidate) { return candidate <= node; });
    Bank bank;
    std::string source = "CACTI 7";
    double energy = 1;
    double area = 1;
    if (smaller != nodes.begin() && smaller != nodes.end()) {
        const int above = *(smaller - 1);
        const double t = std::log(node / above) / std::log(static_cast<double>(*smaller) / above);
        bank = between(bank_at(rows, above, array), bank_at(rows, *smaller, array), t);
    } else {
        const int edge = smaller == nodes.end() ? nodes.back() : nodes.front();
        bank = bank_at(rows, edge, array);
        if (node != edge) {
            energy = beyond(tables_, node, edge);
            area = std::pow(node / edge, kAreaExponent);
            source = fmt::format("estimated: CACTI 7 at {} nm, scaled to {} nm", edge, node);
        }
    }
    const double total_area = bank.area_mm2 * area * array.banks;
    return {.read_pj = bank.read * energy * v * v,
            .write_pj = bank.write * energy * v * v,
            .access_ns = bank.access_ns,
            .leakage_w = bank.leakage * v * array.banks,
            .area_mm2 = total_area,
            .distance_mm = std::sqrt(total_area) / 2,
            .source = source};
}

}  // namespace perfwatt::sram
