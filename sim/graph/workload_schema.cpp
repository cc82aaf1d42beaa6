#include "sim/graph/workload_schema.h"

namespace perfwatt {

MapSchema<WorkloadSpec> workload_schema() {
    using Spec = WorkloadSpec;
    const CountLimits large{.min = 0, .max = std::int64_t{1} << 60};
    return MapSchema<Spec>("workload")
        .text("name", &Spec::name, {}, "in reports; the file's name if absent")
        .prose("description", &Spec::description, "what the network is")
        .count("macs", &Spec::macs, large,
               "multiply-accumulates of one inference (batch 1, phase forward), as published")
        .count("parameters", &Spec::parameters, large, "trained weights, as published")
        .field("lighten", &Spec::lighten, list_of(text_value(), {.max = 64}), Presence::optional,
               "what is done to it before it is compiled, as --lighten")
        .map("transformer", &Spec::transformer, transformer_schema(), Presence::optional,
             "a transformer by its sizes")
        .map("input", &Spec::input, layer_input_schema(), Presence::optional, "of the first layer")
        .maps("inputs", &Spec::inputs, named_input_schema(), {.max = 256},
              "further inputs, known by their names in every list")
        .field("outputs", &Spec::outputs, list_of(text_value(), {.max = 256}), Presence::optional,
               "names of layers whose results are wanted; the last layer's if absent")
        .maps("zeros", &Spec::zeros, layer_zeros_schema(), {.min = 0, .max = 4096},
              "zeros among activations, as they were measured: runs of them take less memory on "
              "chips that code them")
        .raw("layers", &Spec::layers, Presence::optional, "layers in their order")
        .check([](const Spec& spec, const MapCheck& check) {
            const bool has_layers = spec.layers != nullptr;
            if (spec.transformer.has_value() == has_layers)
                check.error(has_layers ? "layers" : "",
                            has_layers ? "a network has `transformer` or `layers`, not both"
                                       : "a network needs `transformer` or `layers`");
            if (has_layers != spec.input.has_value())
                check.error(has_layers ? "layers" : "input", has_layers
                                                                 ? "`layers` need an `input`"
                                                                 : "`input` belongs to `layers`");
        });
}

}  // namespace perfwatt
