#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "sim/graph/graph.h"

namespace perfwatt {

struct OnnxModel;

struct ImportOptions {
    /// Size of the first dimension of the inputs where the file leaves it open or fixes it at 1; of
    /// the second, where no input has such a first one (recurrent networks that count time first).
    std::int64_t batch = 1;
    /// Sizes of the file's named dimensions.
    std::map<std::string, std::int64_t> dimensions;
};

/// Reads an ONNX file (opset 7 and newer, with or without weight data) into a graph of which every
/// shape is known: shape arithmetic and all else that depends on no input is computed ahead and
/// vanishes, as do nodes that no output needs. Where data decide (non-maximum suppression, a
/// condition), shapes are upper bounds: all boxes are kept, the costlier branch is taken. A file
/// exported with batch 1 is rewritten for another batch; one whose work does not grow with the
/// batch as it must is refused. Throws UserError.
[[nodiscard]] Graph import_onnx(const std::string& file, const ImportOptions& options = {});

/// The same from the bytes of a file; `file` is for messages.
[[nodiscard]] Graph import_onnx_bytes(const std::string& bytes, const std::string& file,
                                      const ImportOptions& options = {});

/// The same from a model already read.
[[nodiscard]] Graph import_onnx_model(const OnnxModel& model, const ImportOptions& options = {});

}  // namespace perfwatt
