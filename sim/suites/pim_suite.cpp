#include <fmt/format.h>

#include <algorithm>

#include "models/dram/dram_pim_memory.h"
#include "models/dram/dram_schema.h"
#include "sim/base/diagnostics.h"
#include "sim/base/math.h"
#include "sim/run/run.h"
#include "sim/suites/suites.h"
#include "sim/validation/csv_data.h"
#include "sim/validation/statistics.h"

namespace perfwatt {
namespace {

using dram::DramSpec;
using dram::Tick;

PimOp op_of(const std::string& kernel) {
    if (kernel == "gemvtree") return PimOp::gemv_tree;
    if (kernel == "mul") return PimOp::multiply;
    const auto op = pim_op_from(kernel);
    if (!op) throw UserError(fmt::format("'{}' is no kernel of units in a memory", kernel));
    return *op;
}

struct JobRun {
    Tick ticks = 0;
    Time time;
    MemoryReport report;

    [[nodiscard]] std::int64_t commands(std::initializer_list<const char*> names) const {
        std::int64_t sum = 0;
        for (const MemoryReport::CommandCount& command : report.commands)
            for (const char* name : names) sum += command.name == name ? command.count : 0;
        return sum;
    }
};

JobRun run_job(const DramSpec& spec, int channels, const PimKernel& kernel) {
    dram::DramPimMemory memory(spec, {.name = "memory", .channels = channels});
    memory.submit_job(Time::zero(), {.kernel = kernel, .layer = -1, .id = 1});
    std::vector<MemoryCompletion> done;
    while (done.empty()) (void)memory.advance_to_completion(Time::max(), done);
    memory.finish(done.front().at);
    return {memory.job_ticks(), done.front().at, memory.report()};
}

/// Ticks of reading so many bursts and then, once they are there, writing so many.
Tick plain_ticks(const DramSpec& spec, int channels, std::int64_t reads, std::int64_t writes) {
    dram::DramMemory memory(spec, {.name = "memory", .channels = channels});
    const std::int64_t burst = spec.organization.burst_bytes();
    Time at;
    for (const Direction direction : {Direction::read, Direction::write}) {
        const std::int64_t bytes = burst * (direction == Direction::read ? reads : writes);
        if (bytes == 0) continue;
        MemoryTransfer transfer{.address = direction == Direction::read ? 0 : burst * reads,
                                .row_bytes = bytes,
                                .pitch_bytes = bytes,
                                .direction = direction};
        memory.submit(at, transfer);
        std::vector<MemoryCompletion> done;
        while (done.empty()) (void)memory.advance_to_completion(Time::max(), done);
        at = done.front().at;
    }
    return spec.tick_clock().cycles_in(at);
}

Figure judged_figure(std::string subject, std::string topic, std::string name, double reference,
                     double ours, double tolerance, const std::string& source) {
    Figure figure{.subject = std::move(subject),
                  .topic = std::move(topic),
                  .name = std::move(name),
                  .low = reference,
                  .high = reference,
                  .ours = ours,
                  .tolerance_percent = tolerance,
                  .source = source};
    figure.group = figure.subject + " " + figure.name;
    judge(figure);
    return figure;
}

DramSpec reference(const SuiteRequest& request, const std::string& name) {
    return dram::load_spec(request.environment.configs,
                           fmt::format("{}/{}.yaml", request.folder, name))
        .spec;
}

void hbm_kernels(const SuiteRequest& request, std::vector<Figure>& figures) {
    const DramSpec spec = reference(request, "hbm_pim_reference");
    const CsvData data = CsvData::read(request.folder + "/hbm_pim_kernels.csv");
    for (std::size_t i = 0; i < data.size(); ++i) {
        PimKernel kernel{.op = op_of(data.text(i, "kernel"))};
        kernel.outputs = kernel.elements = data.count(i, "outputs");
        kernel.inputs = data.count(i, "inputs");
        kernel.batch = data.count(i, "batch");
        const int channels = static_cast<int>(data.count(i, "pseudo_channels"));
        const JobRun run = run_job(spec, channels, kernel);
        const std::string topic =
            fmt::format("{} {}x{} batch {}, {} channels", data.text(i, "kernel"), kernel.outputs,
                        kernel.inputs, kernel.batch, channels);
        const std::string& source = data.text(i, "source");
        const auto add = [&](const char* name, const char* column, double ours, double tolerance) {
            figures.push_back(judged_figure("hbm_pim", topic, name, data.number(i, column), ours,
                                            tolerance, source));
        };
        add("pim cycles", "pim_cycles", static_cast<double>(run.ticks), 5);
        add("plain cycles", "plain_cycles",
            static_cast<double>(plain_ticks(spec, channels, data.count(i, "plain_reads"),
                                            data.count(i, "plain_writes"))),
            5);
        add("pim reads", "pim_reads", static_cast<double>(run.commands({"RD", "PIM_RD"})), 0.01);
        add("pim writes", "pim_writes", static_cast<double>(run.commands({"WR", "PIM_WR"})), 0.01);
    }
}

/// Runs parts of a program one after the other on one channel, each until its data have come;
/// returns what each takes.
std::vector<Tick> run_parts(const DramSpec& spec, const std::vector<PimProgram>& parts) {
    DramSpec one = spec;
    one.pim = spec.pim->of_channels(1);
    dram::DramMemory memory(one, {.name = "memory", .channels = 1});
    // A request comes into a queue before it is scheduled, and is answered after its last datum.
    constexpr Tick kInAndOut = 2;
    std::vector<Tick> ticks;
    Tick at = 0;
    for (const PimProgram& part : parts) {
        dram::PimSequencer sequencer(one, part, memory.channel(0), at, -1);
        (void)sequencer.run(dram::kNever);
        ticks.push_back(sequencer.end() - at + kInAndOut);
        at = sequencer.end() + kInAndOut;
    }
    return ticks;
}

void hbm_modes(const SuiteRequest& request, std::vector<Figure>& figures) {
    const DramSpec spec = reference(request, "hbm_pim_reference");
    // A product's changes of mode only; its program takes one burst.
    const PimSpec pim = spec.pim->of_channels(1);
    const auto made = pim_program(pim, {.op = PimOp::gemv, .outputs = 64, .inputs = 128});
    const auto* whole = std::get_if<PimProgram>(&made);
    PERFWATT_CHECK(whole != nullptr, "the smallest product does not fit");
    std::vector<PimStep> steps;
    for (const PimStep& step : whole->steps)
        if (step.phase == PimPhase::mode) steps.push_back(step);
    const std::size_t counts[] = {16, 4, 1, 1, 1, 2, 16};
    std::vector<PimProgram> parts;
    std::size_t at = 0;
    for (const std::size_t count : counts) {
        PimProgram& part = parts.emplace_back();
        part.steps.assign(steps.begin() + static_cast<std::ptrdiff_t>(at),
                          steps.begin() + static_cast<std::ptrdiff_t>(at + count));
        at += count;
    }
    PERFWATT_CHECK(at == steps.size(), "changes of mode are other than they were");
    std::vector<Tick> ticks = run_parts(spec, parts);
    Tick sum = 0;
    for (const Tick each : ticks) sum += each;
    ticks.push_back(sum);
    PimProgram queued;
    queued.steps = steps;
    ticks.push_back(run_parts(spec, {queued}).front());
    const CsvData data = CsvData::read(request.folder + "/hbm_pim_modes.csv");
    PERFWATT_CHECK(data.size() == ticks.size(), "as many changes of mode as figures");
    for (std::size_t i = 0; i < data.size(); ++i)
        figures.push_back(judged_figure("hbm_pim modes", data.text(i, "step"), "cycles",
                                        data.number(i, "cycles"), static_cast<double>(ticks[i]), 5,
                                        data.text(i, "source")));
}

PimKernel aim_kernel(const CsvData& data, std::size_t i) {
    return {.op = PimOp::gemv,
            .outputs = data.count(i, "outputs"),
            .inputs = data.count(i, "inputs"),
            .weights = DataType::bf16,
            .activations = DataType::bf16,
            .inputs_first = data.text(i, "order") == "inputs"};
}

void aim_gemvs(const SuiteRequest& request, std::vector<Figure>& figures) {
    const DramSpec spec = reference(request, "aim_reference");
    const DramSpec refreshed = dram::load_spec(request.environment.configs, "gddr6_aim_16").spec;
    const CsvData data = CsvData::read(request.folder + "/aim_gemv.csv");
    for (std::size_t i = 0; i < data.size(); ++i) {
        const int channels = static_cast<int>(data.count(i, "channels"));
        const PimKernel kernel = aim_kernel(data, i);
        const JobRun run = run_job(spec, channels, kernel);
        const std::string topic = fmt::format("gemv {}x{}, {} channels, {} first", kernel.outputs,
                                              kernel.inputs, channels, data.text(i, "order"));
        figures.push_back(judged_figure("gddr6_aim", topic, "cycles", data.number(i, "cycles"),
                                        static_cast<double>(run.ticks), 3, data.text(i, "source")));
        Figure growth =
            judged_figure("gddr6_aim", topic, "growth by refresh %", 0,
                          (static_cast<double>(run_job(refreshed, channels, kernel).ticks) /
                               static_cast<double>(run.ticks) -
                           1) *
                              100,
                          0, "the same with refreshes of 120 ns every 1900 ns");
        growth.gates = false;
        growth.passed = true;
        growth.error_percent = 0;
        growth.role = "report";
        growth.group.clear();
        figures.push_back(growth);
    }
    const auto tile = [&](std::int64_t outputs) {
        PimKernel kernel = aim_kernel(data, 0);
        kernel.outputs = outputs;
        return static_cast<double>(run_job(spec, 1, kernel).ticks);
    };
    figures.push_back(judged_figure("gddr6_aim", "gemv of 1024 inputs", "cycles a tile", 286.5,
                                    (tile(4096) - tile(1024)) / 192, 1, data.text(0, "source")));
}

PimStep aim_step(PimCommand command, std::int64_t row, int count, int bank = 0) {
    return {.command = command,
            .bank = static_cast<std::int16_t>(bank),
            .count = static_cast<std::int16_t>(count),
            .row = row};
}

/// The steps that the traces of the simulator's authors repeat 1024 times.
std::vector<PimStep> aim_trace(const std::string& trace, std::int64_t row) {
    const PimStep mode = aim_step(PimCommand::mode, 0, 1);
    if (trace == "micro_macab_1024_16banks") return {aim_step(PimCommand::read, row, 64)};
    if (trace == "micro_ewmul_16banks") return {aim_step(PimCommand::multiply, row, 64)};
    if (trace == "micro_rdmac_1024_16banks") return {aim_step(PimCommand::register_read, 0, 1)};
    if (trace == "micro_wrbias_mac_rdmac_mac_16banks")
        return {mode, aim_step(PimCommand::register_write, 0, 1),
                mode, aim_step(PimCommand::read, 0, 64),
                mode, aim_step(PimCommand::register_read, 0, 1),
                mode, aim_step(PimCommand::read, 1, 64)};
    if (trace == "micro_wrgb_gbbk_bggb_16banks")
        return {mode, aim_step(PimCommand::buffer_write, 0, 64), mode,
                aim_step(PimCommand::copy_write, row, 64),
                aim_step(PimCommand::copy_read, row, 64, 8)};
    return {};
}

void aim_traces(const SuiteRequest& request, std::vector<Figure>& figures) {
    const DramSpec spec = reference(request, "aim_reference");
    const CsvData data = CsvData::read(request.folder + "/aim_micro.csv");
    for (std::size_t i = 0; i < data.size(); ++i) {
        const std::string& trace = data.text(i, "trace");
        PimProgram program;
        for (std::int64_t row = 0; row < 1024; ++row)
            for (const PimStep& step : aim_trace(trace, row)) program.steps.push_back(step);
        if (program.steps.empty()) {
            figures.push_back({.subject = "gddr6_aim",
                               .topic = trace,
                               .name = "cycles",
                               .low = data.number(i, "cycles"),
                               .high = data.number(i, "cycles"),
                               .source = data.text(i, "source"),
                               .note = "its single-bank operations are no part of any kernel",
                               .skipped = true});
            continue;
        }
        figures.push_back(judged_figure("gddr6_aim", trace, "cycles", data.number(i, "cycles"),
                                        static_cast<double>(run_parts(spec, {program}).front()), 3,
                                        data.text(i, "source")));
    }
    PimProgram row;
    for (std::int64_t i = 0; i < 1024; ++i) row.steps.push_back(aim_step(PimCommand::read, i, 64));
    figures.push_back(judged_figure("gddr6_aim", "rows of MACs", "cycles a row", 226,
                                    static_cast<double>(run_parts(spec, {row}).front()) / 1024, 1,
                                    "56 + 63 x 2 + 12 + 32 clocks of GDDR6_AiM_timing"));
}

/// How much faster units multiply a matrix than its bytes cross the pins.
double speed_up(const DramSpec& spec, int channels, const PimKernel& kernel) {
    const std::int64_t bursts = ceil_div(bytes(kernel.weights, kernel.outputs * kernel.inputs),
                                         spec.organization.burst_bytes());
    return static_cast<double>(plain_ticks(spec, channels, bursts, 0)) /
           static_cast<double>(run_job(spec, channels, kernel).ticks);
}

double published_figure(const SuiteRequest& request, const std::string& kind) {
    const auto load = [&](const char* name, std::vector<std::string> overrides = {}) {
        return dram::load_spec(request.environment.configs, name, overrides).spec;
    };
    PimKernel kernel{.outputs = 4096, .inputs = 4096};
    const auto types = [&](DataType weights, DataType inputs) {
        kernel.weights = weights;
        kernel.activations = inputs;
        return kernel;
    };
    if (kind == "lpddr5x_w8a8")
        return speed_up(load("lpddr5x_pim_9600"), 4, types(DataType::int8, DataType::int8));
    if (kind == "lpddr5x_w4a16")
        return speed_up(load("lpddr5x_pim_9600"), 4, types(DataType::int4, DataType::fp16));
    if (kind == "lpddr5x_fence")
        return speed_up(load("lpddr5x_pim_9600", {"pim.fence=150 ns"}), 4,
                        types(DataType::int8, DataType::int8));
    if (kind == "lpddr5x_ceiling") {
        const DramSpec spec = load("lpddr5x_pim_9600");
        return static_cast<double>(spec.pim->internal_bytes_per_second) /
               static_cast<double>(spec.peak_bytes_per_second());
    }
    if (kind == "hbm_energy_bit") {
        const DramSpec spec = load("hbm_pim_2000");
        return (spec.energy.typical.read.value + spec.energy.typical.read_io.value) /
               spec.pim->prices.cell_bit.value;
    }
    if (kind == "hbm_gemv") return speed_up(load("hbm_pim_2000"), 64, kernel);
    if (kind == "aim_gemv")
        return speed_up(load("gddr6_aim_16"), 32, types(DataType::bf16, DataType::bf16));
    throw UserError(fmt::format("'{}' is no published figure that we compute", kind));
}

void published(const SuiteRequest& request, std::vector<Figure>& figures) {
    const CsvData data = CsvData::read(request.folder + "/published.csv");
    for (std::size_t i = 0; i < data.size(); ++i) {
        Figure figure =
            judged_figure(data.text(i, "device"), data.text(i, "topic"), data.text(i, "figure"),
                          data.number(i, "low"), published_figure(request, data.text(i, "kind")),
                          15, data.text(i, "source"));
        figure.high = data.number(i, "high");
        figure.role = "report";
        figure.gates = false;
        figure.group.clear();
        if (data.text(i, "kind") == "hbm_energy_bit")
            figure.note =
                "our way to a unit ends behind the multiplexer of bank groups (1.45 pJ/bit of "
                "FGDRAM's table); 3.5x is a way of 1 pJ/bit, which ends half-way to it";
        judge(figure);
        figures.push_back(figure);
    }
}

SuiteOutcome run_pim(const SuiteRequest& request) {
    SuiteOutcome outcome{.suite = "pim"};
    const auto part = [&](const char* name, auto&& function) {
        if (request.progress) request.progress(fmt::format("{} ...", name));
        function(request, outcome.figures);
    };
    part("HBM-PIM kernels", hbm_kernels);
    part("HBM-PIM modes", hbm_modes);
    part("GDDR6-AiM", aim_gemvs);
    part("GDDR6-AiM traces", aim_traces);
    part("published figures", published);
    return outcome;
}

}  // namespace

Suite pim_suite() {
    return {"pim", "kernels of HBM-PIM's and AiM's simulators, published ratios", run_pim};
}

}  // namespace perfwatt
