#include "sim/graph/workload.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "sim/base/diagnostics.h"
#include "sim/config/completion.h"
#include "sim/config/reading.h"
#include "sim/graph/layer_list.h"
#include "sim/graph/onnx_import.h"
#include "sim/graph/scale_sim.h"
#include "sim/graph/shape.h"
#include "sim/graph/workload_schema.h"

namespace perfwatt {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const std::string& file, std::string message, std::string hint = {}) {
    throw UserError(Diagnostic{.place = {.file = file},
                               .message = std::move(message),
                               .hint = std::move(hint),
                               .source_line = {}});
}

void require_forward(const WorkloadRequest& request, const std::string& file) {
    if (request.phase != Phase::forward)
        fail(file, fmt::format("the network has no phase '{}'", to_string(request.phase)),
             "only decoders described by `transformer:` have prefill and decode");
    if (request.context != 0)
        fail(file, "the network has no context", "only those described by `transformer:` have one");
}

std::map<std::string, std::int64_t> dimensions_of(const WorkloadRequest& request,
                                                  const std::string& file) {
    std::map<std::string, std::int64_t> dimensions;
    for (const std::string& text : request.overrides) {
        const auto equals = text.find('=');
        if (!text.starts_with("dim.") || equals == std::string::npos)
            fail(file, fmt::format("'workload.{}' does not apply to an ONNX file", text),
                 "only dimensions can be set: --set workload.dim.NAME=SIZE");
        const std::string value = text.substr(equals + 1);
        std::int64_t size = 0;
        const auto [end, problem] =
            std::from_chars(value.data(), value.data() + value.size(), size);
        if (problem != std::errc{} || end != value.data() + value.size() || size < 1)
            fail(file, fmt::format("'{}' is no size of a dimension", value));
        dimensions[text.substr(4, equals - 4)] = size;
    }
    return dimensions;
}

Workload load_onnx(const WorkloadRequest& request, const std::string& file) {
    require_forward(request, file);
    Workload workload;
    workload.graph =
        import_onnx(file, {.batch = request.batch, .dimensions = dimensions_of(request, file)});
    return workload;
}

Workload load_csv(const WorkloadRequest& request, const std::string& file) {
    require_forward(request, file);
    if (!request.overrides.empty())
        fail(file, fmt::format("'workload.{}' does not apply to a CSV", request.overrides[0]));
    std::error_code ignored;
    if (fs::is_directory(file, ignored)) fail(file, "this is a folder, not a network");
    std::ifstream stream(file, std::ios::binary);
    if (!stream) fail(file, "the file cannot be read");
    const std::string text{std::istreambuf_iterator<char>(stream), {}};
    Workload workload;
    workload.graph = read_scale_sim(text, file, request.batch);
    return workload;
}

Workload load_transformer(const WorkloadRequest& request, const WorkloadSpec& spec,
                          const std::string& name, const std::string& file) {
    const TransformerSpec& network = *spec.transformer;
    Workload workload;
    workload.decoder = network.kind == TransformerSpec::Kind::decoder;
    if (!workload.decoder && request.phase != Phase::forward)
        fail(file, fmt::format("an encoder has no phase '{}'", to_string(request.phase)));
    const std::int64_t made = request.phase == Phase::decode ? 1 : 0;
    const bool bounded = network.positions == TransformerSpec::Positions::learned;
    // A step that nobody gave a context is the last one that there is room for.
    workload.context = network.sequence;
    if (bounded) workload.context = std::min(workload.context, network.max_positions - made);
    if (request.context != 0) workload.context = request.context;
    const std::int64_t tokens = workload.context + made;
    if (workload.context < 1 || workload.context > (1 << 24))
        fail(file, fmt::format("a context of {} tokens is impossible", workload.context));
    if (bounded && tokens > network.max_positions)
        fail(file, fmt::format("{} tokens are more than the {} positions of the network", tokens,
                               network.max_positions));
    workload.graph = build_transformer(
        network, {.batch = request.batch, .phase = request.phase, .context = workload.context},
        GraphBuilder(name, file));
    return workload;
}

Workload load_yaml(const WorkloadRequest& request, const std::string& file,
                   const ConfigPath& configs) {
    const Document document =
        Document::load(ConfigKind::workload, file, configs, request.overrides);
    Reading reading(document);
    const WorkloadSpec spec = workload_schema().read(document.root(), reading);
    const std::string name = spec.name.value_or(fs::path(file).stem().string());
    Workload workload;
    if (spec.layers != nullptr && spec.input && reading.error_count() == 0) {
        require_forward(request, file);
        workload.graph = build_layers({.input = *spec.input,
                                       .more_inputs = spec.inputs,
                                       .layers = spec.layers,
                                       .outputs = spec.outputs,
                                       .zeros = spec.zeros},
                                      request.batch, GraphBuilder(name, file), reading);
    }
    reading.finish();
    if (spec.transformer) workload = load_transformer(request, spec, name, file);
    workload.lighten = spec.lighten;
    workload.stated_macs = spec.macs;
    workload.stated_parameters = spec.parameters;
    workload.source = document.root().note;
    workload.resolved = reading.resolved();
    return workload;
}

/// The folders of ONNX files that networks are looked up in by name.
std::vector<fs::path> onnx_folders(const ConfigPath& configs) {
    std::vector<fs::path> folders;
    for (const std::string& root : configs.roots()) {
        folders.push_back(fs::path(root) / "workloads" / "onnx");
        folders.push_back(fs::path(root) / "onnx");
    }
    return folders;
}

}  // namespace

std::string find_workload(const std::string& name_or_file, const ConfigPath& configs) {
    if (auto file = configs.try_find(ConfigKind::workload, name_or_file)) return *file;
    std::error_code ignored;
    if (name_or_file.find('/') == std::string::npos)
        for (const fs::path& folder : onnx_folders(configs))
            if (const fs::path file = folder / (name_or_file + ".onnx"); fs::exists(file, ignored))
                return file.string();
    const bool is_file =
        name_or_file.find('/') != std::string::npos || name_or_file.find('.') != std::string::npos;
    if (is_file) return configs.find(ConfigKind::workload, name_or_file);  // throws
    const std::vector<std::string> names = workload_names(configs);
    if (const auto whole = only_completion("workload", name_or_file, names))
        return find_workload(*whole, configs);
    std::string hint = did_you_mean(name_or_file, names);
    if (hint.empty()) hint = fmt::format("known: {}", fmt::join(names, ", "));
    throw UserError(fmt::format("there is no workload '{}'", name_or_file), std::move(hint));
}

std::vector<std::string> workload_names(const ConfigPath& configs) {
    std::vector<std::string> names = configs.names(ConfigKind::workload);
    std::error_code ignored;
    for (const fs::path& folder : onnx_folders(configs))
        for (const auto& entry : fs::directory_iterator(folder, ignored))
            if (entry.path().extension() == ".onnx") names.push_back(entry.path().stem().string());
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    return names;
}

Workload load_workload(const WorkloadRequest& request, const ConfigPath& configs) {
    const std::string file = find_workload(request.workload, configs);
    if (request.batch < 1 || request.batch > (1 << 24))
        fail(file, fmt::format("a batch of {} is impossible", request.batch));
    try {
        Workload workload = file.ends_with(".onnx")  ? load_onnx(request, file)
                            : file.ends_with(".csv") ? load_csv(request, file)
                                                     : load_yaml(request, file, configs);
        if (workload.graph.name.empty()) workload.graph.name = fs::path(file).stem().string();
        return workload;
    } catch (const ShapeError& error) {
        fail(file, error.what());
    }
}

Graph build_workload(const WorkloadRequest& request, const ConfigPath& configs) {
    return load_workload(request, configs).graph;
}

}  // namespace perfwatt
