#include "sim/program/program_text.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <iterator>
#include <utility>

#include "sim/base/diagnostics.h"

namespace perfwatt {
namespace {

constexpr std::array<std::string_view, 6> kUnitKinds = {"dma", "matrix", "vector",
                                                        "pim", "host",   "link"};

using Out = fmt::memory_buffer;

std::string quoted(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        out += c == '\n' ? ' ' : c;
    }
    return out + '"';
}

void write(Out& out, const Region& region) {
    fmt::format_to(std::back_inserter(out), "memory {} at {} row {} rows {} pitch {}",
                   region.memory.value, region.address, region.row_bytes, region.rows,
                   region.pitch_bytes);
}

void write(Out& out, const Load& load) {
    fmt::format_to(std::back_inserter(out), "load ");
    write(out, load.source);
    fmt::format_to(std::back_inserter(out), " to {}+{}", load.target.address, load.target.bytes);
}

void write(Out& out, const Store& store) {
    fmt::format_to(std::back_inserter(out), "store {}+{} to ", store.source.address,
                   store.source.bytes);
    write(out, store.target);
}

void write(Out& out, const Contract& tile) {
    fmt::format_to(std::back_inserter(out),
                   "contract m {} n {} k {} repeat {} types {} {} first {} last {} useful {} "
                   "in {}+{} with {}+{} to {}+{}",
                   tile.m, tile.n, tile.k, tile.repeat, to_string(tile.first_type),
                   to_string(tile.second_type), tile.first_k_tile ? 1 : 0, tile.last_k_tile ? 1 : 0,
                   tile.useful_macs, tile.first.address, tile.first.bytes, tile.second.address,
                   tile.second.bytes, tile.output.address, tile.output.bytes);
    // What most tiles lack is left out.
    if (tile.saved_macs > 0)
        fmt::format_to(std::back_inserter(out), " saved {} sums {}", tile.saved_macs,
                       tile.transform_sums);
    if (tile.gated_macs > 0) fmt::format_to(std::back_inserter(out), " gated {}", tile.gated_macs);
    if (tile.task >= 0) fmt::format_to(std::back_inserter(out), " task {}", tile.task);
    if (tile.preloaded) fmt::format_to(std::back_inserter(out), " preloaded");
    if (tile.filter_rows * tile.filter_columns * tile.output_rows > 1)
        fmt::format_to(std::back_inserter(out), " window {} {} rows {}", tile.filter_rows,
                       tile.filter_columns, tile.output_rows);
}

void write(Out& out, const Vector& vector) {
    fmt::format_to(std::back_inserter(out),
                   "vector elements {} operations {} type {} read {} write {} in {}+{} to {}+{}",
                   vector.elements, vector.operations, to_string(vector.type), vector.read_bytes,
                   vector.write_bytes, vector.input.address, vector.input.bytes,
                   vector.output.address, vector.output.bytes);
}

void write(Out& out, const Delay& delay) {
    fmt::format_to(std::back_inserter(out), "delay fs {} operations {}", delay.duration.fs,
                   delay.operations);
}

void write(Out& out, const Exchange& exchange) {
    fmt::format_to(std::back_inserter(out), "exchange fs {} bytes {} link {}", exchange.duration.fs,
                   exchange.link_bytes, exchange.link);
}

/// Reads one line word by word; every problem is a UserError with the line.
class LineReader {
  public:
    LineReader(std::string_view line, const std::string& file, int number)
        : rest_(line), line_(line), file_(file), number_(number) {}

    [[noreturn]] void fail(const std::string& message) const {
        throw UserError(
            Diagnostic{.place = {.file = file_,
                                 .line = number_,
                                 .column = static_cast<int>(line_.size() - rest_.size()) + 1},
                       .message = message,
                       .hint = {},
                       .source_line = std::string(line_)});
    }

    [[nodiscard]] bool done() {
        skip_blanks();
        return rest_.empty();
    }

    std::string_view word() {
        skip_blanks();
        const std::size_t end = std::min(rest_.find(' '), rest_.size());
        const std::string_view found = rest_.substr(0, end);
        rest_.remove_prefix(end);
        return found;
    }

    /// Whether this word comes next; it is then passed.
    bool next_is(std::string_view wanted) {
        skip_blanks();
        const std::string_view at = rest_;
        if (word() == wanted) return true;
        rest_ = at;
        return false;
    }

    void expect(std::string_view wanted) {
        skip_blanks();
        const std::string_view at = rest_;
        if (word() != wanted) {
            rest_ = at;
            fail(fmt::format("expected '{}'", wanted));
        }
    }

    std::int64_t number() {
        skip_blanks();
        std::int64_t value = 0;
        const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
        if (error != std::errc{}) fail("expected a number");
        rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
        return value;
    }

    std::int64_t number(std::string_view key) {
        expect(key);
        return number();
    }

    std::string text() {
        skip_blanks();
        if (rest_.empty() || rest_.front() != '"') fail("expected a name in quotes");
        rest_.remove_prefix(1);
        std::string found;
        while (!rest_.empty() && rest_.front() != '"') {
            if (rest_.front() == '\\' && rest_.size() > 1) rest_.remove_prefix(1);
            found += rest_.front();
            rest_.remove_prefix(1);
        }
        if (rest_.empty()) fail("expected a closing quote");
        rest_.remove_prefix(1);
        return found;
    }

    DataType type() {
        const std::string_view name = word();
        const std::optional<DataType> found = data_type_from(name);
        if (!found) fail(fmt::format("'{}' is no data type", name));
        return *found;
    }

    Buffer buffer() {
        Buffer found;
        found.address = number();
        if (rest_.empty() || rest_.front() != '+') fail("expected '+' and a size");
        rest_.remove_prefix(1);
        found.bytes = number();
        return found;
    }

    Region region() {
        Region found;
        found.memory.value = static_cast<std::int32_t>(number("memory"));
        found.address = number("at");
        found.row_bytes = number("row");
        found.rows = number("rows");
        found.pitch_bytes = number("pitch");
        return found;
    }

  private:
    void skip_blanks() {
        while (!rest_.empty() && rest_.front() == ' ') rest_.remove_prefix(1);
    }

    std::string_view rest_;
    std::string_view line_;
    const std::string& file_;
    int number_;
};

Contract read_contract(LineReader& in) {
    Contract tile;
    tile.m = in.number("m");
    tile.n = in.number("n");
    tile.k = in.number("k");
    tile.repeat = in.number("repeat");
    in.expect("types");
    tile.first_type = in.type();
    tile.second_type = in.type();
    tile.first_k_tile = in.number("first") != 0;
    tile.last_k_tile = in.number("last") != 0;
    tile.useful_macs = in.number("useful");
    in.expect("in");
    tile.first = in.buffer();
    in.expect("with");
    tile.second = in.buffer();
    in.expect("to");
    tile.output = in.buffer();
    if (in.next_is("saved")) {
        tile.saved_macs = in.number();
        tile.transform_sums = in.number("sums");
    }
    if (in.next_is("gated")) tile.gated_macs = in.number();
    if (in.next_is("task")) tile.task = static_cast<std::int32_t>(in.number());
    tile.preloaded = in.next_is("preloaded");
    if (in.next_is("window")) {
        tile.filter_rows = in.number();
        tile.filter_columns = in.number();
        tile.output_rows = in.number("rows");
    }
    return tile;
}

Vector read_vector(LineReader& in) {
    Vector vector;
    vector.elements = in.number("elements");
    vector.operations = in.number("operations");
    in.expect("type");
    vector.type = in.type();
    vector.read_bytes = in.number("read");
    vector.write_bytes = in.number("write");
    in.expect("in");
    vector.input = in.buffer();
    in.expect("to");
    vector.output = in.buffer();
    return vector;
}

Command read_command(LineReader& in) {
    Command command;
    command.unit.value = static_cast<std::int32_t>(in.number("unit"));
    command.layer.value = static_cast<std::int32_t>(in.number("layer"));
    const std::string_view work = in.word();
    if (work == "load") {
        Load load;
        load.source = in.region();
        in.expect("to");
        load.target = in.buffer();
        command.work = load;
    } else if (work == "store") {
        Store store;
        store.source = in.buffer();
        in.expect("to");
        store.target = in.region();
        command.work = store;
    } else if (work == "contract") {
        command.work = read_contract(in);
    } else if (work == "vector") {
        command.work = read_vector(in);
    } else if (work == "delay") {
        Delay delay;
        delay.duration.fs = in.number("fs");
        delay.operations = in.number("operations");
        command.work = delay;
    } else if (work == "exchange") {
        Exchange exchange;
        exchange.duration.fs = in.number("fs");
        exchange.link_bytes = in.number("bytes");
        exchange.link = static_cast<int>(in.number("link"));
        command.work = exchange;
    } else {
        in.fail(fmt::format("'{}' is no command", work));
    }
    if (!in.done()) {
        in.expect("after");
        while (!in.done()) command.after.push_back({static_cast<std::int32_t>(in.number())});
    }
    return command;
}

Unit read_unit(LineReader& in) {
    Unit unit;
    unit.name = in.text();
    const std::string_view kind = in.word();
    std::size_t i = 0;
    while (i < kUnitKinds.size() && kUnitKinds[i] != kind) ++i;
    if (i == kUnitKinds.size()) in.fail(fmt::format("'{}' is no kind of unit", kind));
    unit.kind = static_cast<UnitKind>(i);
    unit.core = static_cast<int>(in.number("core"));
    if (!in.done()) unit.engine = static_cast<int>(in.number("engine"));
    return unit;
}

PimTask read_task(LineReader& in) {
    PimTask task;
    task.memory.value = static_cast<std::int32_t>(in.number("memory"));
    PimKernel& kernel = task.kernel;
    const std::string_view op = in.word();
    const std::optional<PimOp> known = pim_op_from(op);
    if (!known) in.fail(fmt::format("'{}' is nothing that units in a memory do", op));
    kernel.op = *known;
    kernel.outputs = in.number("outputs");
    kernel.inputs = in.number("inputs");
    kernel.batch = in.number("batch");
    kernel.groups = in.number("groups");
    kernel.elements = in.number("elements");
    in.expect("types");
    kernel.weights = in.type();
    kernel.activations = in.type();
    kernel.row = in.number("row");
    if (in.next_is("grown")) {
        kernel.new_outputs = in.number("outputs");
        kernel.new_inputs = in.number("inputs");
    }
    kernel.inputs_first = in.next_is("inputs_first");
    return task;
}

void read_line(LineReader& in, Program& program) {
    const std::string_view what = in.word();
    if (what == "unit") {
        program.units.push_back(read_unit(in));
    } else if (what == "memory") {
        program.memories.push_back(in.text());
    } else if (what == "layer") {
        Layer layer;
        layer.name = in.text();
        layer.operator_type = in.text();
        layer.macs = in.number("macs");
        program.layers.push_back(std::move(layer));
    } else if (what == "task") {
        program.tasks.push_back(read_task(in));
    } else if (what == "command") {
        program.commands.push_back(read_command(in));
    } else {
        in.fail(fmt::format("'{}' begins no line of a program", what));
    }
    if (!in.done()) in.fail("expected the end of the line");
}

}  // namespace

std::string to_text(const Program& program) {
    Out out;
    const auto into = std::back_inserter(out);
    fmt::format_to(into, "perfwatt-program 1\n");
    for (const Unit& unit : program.units)
        fmt::format_to(into, "unit {} {} core {}{}\n", quoted(unit.name),
                       kUnitKinds[static_cast<std::size_t>(unit.kind)], unit.core,
                       unit.engine == 0 ? "" : fmt::format(" engine {}", unit.engine));
    for (const std::string& memory : program.memories)
        fmt::format_to(into, "memory {}\n", quoted(memory));
    for (const Layer& layer : program.layers)
        fmt::format_to(into, "layer {} {} macs {}\n", quoted(layer.name),
                       quoted(layer.operator_type), layer.macs);
    for (const PimTask& task : program.tasks) {
        const PimKernel& kernel = task.kernel;
        fmt::format_to(
            into,
            "task memory {} {} outputs {} inputs {} batch {} groups {} elements {} "
            "types {} {} row {}{}{}\n",
            task.memory.value, to_string(kernel.op), kernel.outputs, kernel.inputs, kernel.batch,
            kernel.groups, kernel.elements, to_string(kernel.weights),
            to_string(kernel.activations), kernel.row,
            kernel.new_outputs + kernel.new_inputs > 0
                ? fmt::format(" grown outputs {} inputs {}", kernel.new_outputs, kernel.new_inputs)
                : "",
            kernel.inputs_first ? " inputs_first" : "");
    }
    for (const Command& command : program.commands) {
        fmt::format_to(into, "command unit {} layer {} ", command.unit.value, command.layer.value);
        std::visit([&](const auto& work) { write(out, work); }, command.work);
        if (!command.after.empty()) fmt::format_to(into, " after");
        for (const CommandId before : command.after) fmt::format_to(into, " {}", before.value);
        out.push_back('\n');
    }
    return fmt::to_string(out);
}

Program program_from_text(std::string_view text, const std::string& file) {
    Program program;
    int number = 0;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        LineReader in(text.substr(0, end), file, ++number);
        if (number == 1) {
            in.expect("perfwatt-program");
            in.expect("1");
        } else if (!in.done()) {
            read_line(in, program);
        }
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    if (number == 0) LineReader({}, file, 1).fail("expected 'perfwatt-program 1'");
    return program;
}

}  // namespace perfwatt
