#include "sim/arch/pim_numbers.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <tuple>

#include "sim/base/diagnostics.h"
#include "sim/base/math.h"

namespace perfwatt {
namespace {

using Column = std::vector<float>;

/// `digits` bits after the leading one, exponents from `lowest`.
float rounded_float(float value, int digits, int lowest) {
    if (value == 0 || !std::isfinite(value)) return value;
    const int exponent = std::max(std::ilogb(value), lowest);
    const float unit = std::ldexp(1.0F, exponent - digits);
    return std::nearbyint(value / unit) * unit;
}

/// All banks of all channels, and the registers of all units.
class Machine {
  public:
    Machine(const PimSpec& spec, const PimKernel& kernel)
        : spec_(spec),
          kernel_(kernel),
          sum_type_(is_floating(kernel.activations) ? kernel.activations : DataType::int32),
          lanes_(spec.lanes(kernel.activations)),
          weight_lanes_(spec.lanes(kernel.weights)) {
        const auto units =
            static_cast<std::size_t>(spec.units) * static_cast<std::size_t>(spec.channels);
        units_.resize(units);
        for (Unit& unit : units_) {
            unit.inputs.assign(
                static_cast<std::size_t>(std::max<std::int64_t>(spec.inputs, input_registers())),
                Column(static_cast<std::size_t>(lanes_), 0));
            unit.sums.assign(static_cast<std::size_t>(spec.results),
                             Column(static_cast<std::size_t>(weight_lanes_), 0));
        }
    }

    Column& column(int channel, int bank, std::int64_t row, std::int64_t at) {
        Column& found = cells_[{channel, bank, row, at}];
        if (found.empty())
            found.assign(static_cast<std::size_t>(std::max(lanes_, weight_lanes_)), 0);
        return found;
    }

    /// What the pins bring, burst by burst, to all channels alike.
    std::vector<Column> pins;
    float scale = 1, shift = 0;
    /// Results in the order in which they were stored or read: of each, by channel and unit.
    std::vector<std::vector<Column>> results;

    void run(const PimProgram& program) {
        std::size_t pin = 0;
        for (const PimStep& step : program.steps) {
            for (int i = 0; i < step.count; ++i) {
                if (step.action == PimAction::load_input) {
                    PERFWATT_CHECK(pin < pins.size(), "operands run out");
                    for (Unit& unit : units_) unit.inputs[static_cast<std::size_t>(i)] = pins[pin];
                    ++pin;
                    continue;
                }
                act(step, i);
            }
        }
        PERFWATT_CHECK(pin == pins.size(), "operands are left over");
    }

    [[nodiscard]] int lanes() const { return lanes_; }

  private:
    struct Unit {
        std::vector<Column> inputs;
        std::vector<Column> sums;
    };

    [[nodiscard]] std::int64_t input_registers() const {
        return spec_.style == PimStyle::tree ? spec_.buffer_bytes / spec_.column_bytes
                                             : spec_.inputs;
    }

    void act(const PimStep& step, int i) {
        if (step.action == PimAction::none || step.action == PimAction::load_scalar) return;
        const bool keeps = step.action == PimAction::store || step.action == PimAction::read_sum;
        if (keeps) results.emplace_back();
        for (int channel = 0; channel < spec_.channels; ++channel)
            for (int u = 0; u < spec_.units; ++u) {
                Unit& unit = units_[static_cast<std::size_t>(channel * spec_.units + u)];
                const int bank =
                    u * spec_.banks_per_unit + (step.bank < spec_.sets() ? step.bank : 0);
                act_unit(step, i, unit, channel, bank);
            }
    }

    void act_unit(const PimStep& step, int i, Unit& unit, int channel, int bank) {
        const auto n = static_cast<std::size_t>(step.index + i);
        const auto at = [&]() -> Column& {
            return column(channel, bank, step.row, step.column + i);
        };
        switch (step.action) {
            case PimAction::clear:
                for (Column& sum : unit.sums) std::fill(sum.begin(), sum.end(), 0.0F);
                break;
            case PimAction::mac:
                // A tree's index tells the part of the inputs, which the buffer holds from its
                // start.
                multiply(unit, at(), spec_.style == PimStyle::tree ? i : step.index + i);
                break;
            case PimAction::fill:
                unit.inputs[n] = at();
                break;
            case PimAction::add:
            case PimAction::multiply: {
                const Column& bank_column = at();
                for (std::size_t l = 0; l < unit.inputs[n].size(); ++l) {
                    float& value = unit.inputs[n][l];
                    value = rounded(step.action == PimAction::add ? value + bank_column[l]
                                                                  : value * bank_column[l],
                                    kernel_.activations);
                }
                break;
            }
            case PimAction::relu:
                unit.inputs[n] = at();
                for (float& value : unit.inputs[n]) value = std::max(value, 0.0F);
                break;
            case PimAction::scale:
                for (float& value : unit.inputs[n])
                    value = rounded(rounded(value * scale, kernel_.activations) + shift,
                                    kernel_.activations);
                break;
            case PimAction::store:
                store(unit, at(), step.index + i);
                results.back().push_back(at());
                break;
            case PimAction::read_sum:
                results.back().push_back(unit.sums.front());
                break;
            case PimAction::none:
            case PimAction::load_input:
            case PimAction::load_scalar:
                break;
        }
    }

    void multiply(Unit& unit, const Column& weights, int n) {
        const bool tree = spec_.style == PimStyle::tree;
        const int outputs = tree ? 1 : spec_.results;
        Column& sum = unit.sums[static_cast<std::size_t>(n % outputs)];
        float whole = tree || spec_.reduces ? sum.front() : 0;
        for (int l = 0; l < weight_lanes_; ++l) {
            const int element = n / outputs * weight_lanes_ + l;
            const float input = unit.inputs[static_cast<std::size_t>(element / lanes_)]
                                           [static_cast<std::size_t>(element % lanes_)];
            const float product = weights[static_cast<std::size_t>(l)] * input;
            if (tree || spec_.reduces) {
                whole += product;  // the tree adds wider numbers, rounded once
            } else {
                float& lane = sum[static_cast<std::size_t>(l)];
                lane = rounded(lane + product, sum_type_);
            }
        }
        if (tree || spec_.reduces) sum.front() = rounded(whole, sum_type_);
    }

    /// Sums of a product, or registers of an element-wise operation.
    void store(const Unit& unit, Column& target, int n) {
        if (kernel_.op != PimOp::gemv && kernel_.op != PimOp::gemv_tree) {
            target = unit.inputs[static_cast<std::size_t>(n)];
            return;
        }
        const int wide = std::max(1, bits(sum_type_) / bits(kernel_.activations));
        const int values = static_cast<int>(spec_.column_bytes * 8) / bits(sum_type_);
        target.assign(target.size(), 0);
        for (int v = 0; v < values; ++v) {
            float value = 0;
            if (spec_.reduces) {
                const int result = n * values + v;
                if (result < spec_.results)
                    value = unit.sums[static_cast<std::size_t>(result)].front();
            } else {
                value = unit.sums[static_cast<std::size_t>(n / wide)]
                                 [static_cast<std::size_t>(n % wide * values + v)];
            }
            target[static_cast<std::size_t>(v)] = value;
        }
    }

    const PimSpec& spec_;
    PimKernel kernel_;
    DataType sum_type_;
    int lanes_;
    int weight_lanes_;
    std::vector<Unit> units_;
    std::map<std::tuple<int, int, std::int64_t, std::int64_t>, Column> cells_;
};

/// The operands in the order in which the program loads them.
void fill_pins(Machine& machine, const PimProgram& program, const PimKernel& kernel,
               std::int64_t tile_inputs, std::span<const float> vectors) {
    const std::int64_t tiles = ceil_div(kernel.inputs, tile_inputs);
    for (const PimStep& step : program.steps) {
        if (step.action != PimAction::load_input) continue;
        const std::int64_t vector = step.index / tiles;
        const std::int64_t first = step.index % tiles * tile_inputs;
        for (int i = 0; i < step.count; ++i) {
            Column column(static_cast<std::size_t>(machine.lanes()), 0);
            for (int l = 0; l < machine.lanes(); ++l) {
                const std::int64_t input = first + std::int64_t{i} * machine.lanes() + l;
                if (input < kernel.inputs)
                    column[static_cast<std::size_t>(l)] =
                        rounded(vectors[static_cast<std::size_t>(vector * kernel.inputs + input)],
                                kernel.activations);
            }
            machine.pins.push_back(std::move(column));
        }
    }
}

}  // namespace

float rounded(float value, DataType type) {
    switch (type) {
        case DataType::fp16:
            return rounded_float(value, 10, -14);
        case DataType::bf16:
            return rounded_float(value, 7, -126);
        case DataType::int8:
            return std::clamp(std::nearbyint(value), -128.0F, 127.0F);
        case DataType::int4:
            return std::clamp(std::nearbyint(value), -8.0F, 7.0F);
        default:
            return value;
    }
}

std::variant<std::vector<float>, Infeasible> pim_gemv_on_numbers(const PimSpec& spec,
                                                                 const PimKernel& kernel,
                                                                 std::span<const float> matrix,
                                                                 std::span<const float> vectors) {
    auto made = pim_program(spec, kernel);
    if (auto* infeasible = std::get_if<Infeasible>(&made)) return std::move(*infeasible);
    if (kernel.groups > 1) return Infeasible{"numbers of one product only"};
    const PimProgram& program = std::get<PimProgram>(made);
    Machine machine(spec, kernel);
    for (std::int64_t o = 0; o < kernel.outputs; ++o)
        for (std::int64_t i = 0; i < kernel.inputs; ++i) {
            const PimPlace place = pim_weight_place(spec, kernel, o, i);
            machine.column(place.channel, place.bank, place.row,
                           place.column)[static_cast<std::size_t>(place.lane)] =
                rounded(matrix[static_cast<std::size_t>(o * kernel.inputs + i)], kernel.weights);
        }
    fill_pins(machine, program, kernel, pim_tile_inputs(spec, kernel), vectors);
    machine.run(program);

    // Results come unit by unit: a unit's outputs follow each other, then its neighbour's.
    std::vector<float> answer(static_cast<std::size_t>(kernel.outputs * kernel.batch), 0);
    const bool tree = spec.style == PimStyle::tree;
    const std::int64_t a_unit = tree ? 1 : spec.results;
    const std::int64_t stored = pim_result_columns(spec, kernel);
    const std::int64_t parts =
        kernel.op == PimOp::gemv_tree ? ceil_div(kernel.inputs, pim_tile_inputs(spec, kernel)) : 1;
    std::int64_t order = 0;
    for (const std::vector<Column>& all : machine.results) {
        const std::int64_t column = order % stored;
        const std::int64_t group = order / stored / parts;  // of a tile and a vector
        ++order;
        std::int64_t tile = group / kernel.batch;
        std::int64_t vector = group % kernel.batch;
        if (tree) {
            const std::int64_t tiles =
                ceil_div(kernel.outputs, std::int64_t{spec.units} * spec.channels);
            tile = group % tiles;
            vector = kernel.inputs_first
                         ? group / (tiles * ceil_div(kernel.inputs, pim_tile_inputs(spec, kernel)))
                         : group / tiles;
        }
        for (std::size_t u = 0; u < all.size(); ++u) {
            const auto first =
                (tile * static_cast<std::int64_t>(all.size()) + static_cast<std::int64_t>(u)) *
                a_unit;
            const auto add = [&](std::int64_t output, float value) {
                if (output < first + a_unit && output < kernel.outputs)
                    answer[static_cast<std::size_t>(vector * kernel.outputs + output)] += value;
            };
            const std::int64_t columns_each = std::max<std::int64_t>(1, stored / a_unit);
            if (tree) {
                add(first, all[u].front());
            } else if (spec.reduces) {
                const std::int64_t values = static_cast<std::int64_t>(all[u].size());
                const std::int64_t per_column = ceil_div(std::int64_t{spec.results}, stored);
                for (std::int64_t v = 0; v < std::min(values, per_column); ++v)
                    add(first + column * per_column + v, all[u][static_cast<std::size_t>(v)]);
            } else {
                for (const float lane : all[u]) add(first + column / columns_each, lane);
            }
        }
    }
    return answer;
}

std::variant<std::vector<float>, Infeasible> pim_elementwise_on_numbers(
    const PimSpec& spec, const PimKernel& kernel, std::span<const float> first,
    std::span<const float> second, float scale, float shift) {
    auto made = pim_program(spec, kernel);
    if (auto* infeasible = std::get_if<Infeasible>(&made)) return std::move(*infeasible);
    if (spec.style == PimStyle::tree) return Infeasible{"numbers of units with lanes only"};
    const PimProgram& program = std::get<PimProgram>(made);
    Machine machine(spec, kernel);
    machine.scale = scale;
    machine.shift = shift;
    const std::int64_t lanes = machine.lanes();
    const std::int64_t tiles =
        ceil_div(kernel.elements, lanes * spec.inputs * spec.banks * std::int64_t{spec.channels});
    const std::int64_t rows = ceil_div(tiles * spec.inputs, spec.columns);
    const bool two = kernel.op == PimOp::add || kernel.op == PimOp::multiply;
    // Element by element any layout will do: lanes, columns of a tile, banks, channels, tiles.
    const auto at = [&](std::int64_t element, std::int64_t operand) -> float& {
        const std::int64_t column = element / lanes % spec.inputs;
        const std::int64_t bank = element / lanes / spec.inputs % spec.banks;
        const std::int64_t rest = element / lanes / spec.inputs / spec.banks;
        const std::int64_t place = rest / spec.channels * spec.inputs + column;
        return machine.column(
            static_cast<int>(rest % spec.channels), static_cast<int>(bank),
            pim_data_row(spec, kernel.row + operand * rows + place / spec.columns),
            place % spec.columns)[static_cast<std::size_t>(element % lanes)];
    };
    for (std::int64_t e = 0; e < kernel.elements; ++e) {
        at(e, 0) = rounded(first[static_cast<std::size_t>(e)], kernel.activations);
        if (two) at(e, 1) = rounded(second[static_cast<std::size_t>(e)], kernel.activations);
    }
    machine.run(program);
    std::vector<float> answer(static_cast<std::size_t>(kernel.elements));
    for (std::int64_t e = 0; e < kernel.elements; ++e)
        answer[static_cast<std::size_t>(e)] = at(e, two ? 2 : 1);
    return answer;
}

}  // namespace perfwatt
