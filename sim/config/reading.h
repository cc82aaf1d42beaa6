#pragma once

#include <string>
#include <vector>

#include "sim/config/document.h"

namespace perfwatt {

/// A value that carries its source into the model: use as the type of a member.
template <class V>
struct Sourced {
    V value{};
    Status status = Status::plain;
    std::string note;  ///< the source, why it is estimated, or on which rows it was fitted

    /// "estimated: why", "fitted: on which rows", or the source.
    [[nodiscard]] std::string source() const {
        if (status == Status::estimated) return "estimated: " + note;
        if (status == Status::fitted) return "fitted: " + note;
        return note;
    }
};

/// One leaf of a resolved configuration.
struct ResolvedValue {
    std::string path;       ///< "npu.matrix.rows", "memories.dram.channels"
    std::string value;      ///< as written
    std::string canonical;  ///< in base units: what the hash is made of
    std::string where;      ///< "configs/chips/warboy.yaml:12", "--set 'a=1'" or "default"
    Origin origin = Origin::file;
    Status status = Status::plain;
    std::string note;
    bool hashed = true;  ///< false for prose, which changes no result
};

/// One reading of a document by schemas: collects all mistakes, the document's own included, and
/// what every value resolved to.
class Reading {
  public:
    /// Borrows the document, which must outlive the reading.
    explicit Reading(const Document& document) : document_(&document) {}

    void error(const Place& place, std::string message, std::string hint = {});
    void error(const ConfigNode& at, std::string message, std::string hint = {}) {
        error(at.place, std::move(message), std::move(hint));
    }
    /// A mistake found elsewhere, for example in a file that this one names.
    void error(Diagnostic diagnostic);
    void record(ResolvedValue value) { resolved_.push_back(std::move(value)); }

    [[nodiscard]] std::size_t error_count() const { return error_count_; }
    /// Throws UserError with everything collected, in the order of the file; does nothing when all
    /// is well. Every reading must be finished.
    void finish() const;

    [[nodiscard]] const Document& document() const { return *document_; }
    /// In the order of the schemas.
    [[nodiscard]] const std::vector<ResolvedValue>& resolved() const { return resolved_; }

  private:
    const Document* document_;
    std::vector<Diagnostic> errors_;  ///< the first of them
    std::size_t error_count_ = 0;
    std::vector<ResolvedValue> resolved_;
};

/// Paths whose values have a status, in the order of the schemas.
[[nodiscard]] std::vector<std::string> paths_with(Status status,
                                                  const std::vector<ResolvedValue>& resolved);

/// 16 hexadecimal digits (64-bit FNV-1a) of all values that can change a result, in base units, in
/// the order of the schemas: whatever the order, notation or comments of the files.
[[nodiscard]] std::string config_hash(const std::vector<ResolvedValue>& resolved);

/// One line a value: `path = value  # where`, for `show --resolved`.
[[nodiscard]] std::string resolved_text(const std::vector<ResolvedValue>& resolved);

}  // namespace perfwatt
