#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace perfwatt {

/// A point of a sweep as planned: what it is called and where it stands in the export.
struct PlannedPoint {
    std::string key;        ///< hash of everything that can change its result
    std::int64_t position;  ///< in the grid, counted from 0
    std::vector<std::pair<std::string, std::string>> labels;  ///< its parameters, in order
    std::string chip;
    std::string workload;
    std::int64_t batch = 1;
};

/// A point with its answer.
struct StoredPoint {
    std::string sweep;  ///< the sweep's name
    PlannedPoint point;
    std::string status;  ///< "ok", "infeasible", "crashed", "timeout", "out_of_memory" …
    std::string reason;  ///< where the status is not ok
    std::string record;  ///< perfwatt/result/v1, where it is ok
};

/// Results of sweeps in an SQLite file. No handle outlives a call, so none crosses a fork; the
/// journal is a rollback journal, which is safe on network file systems and against a kill.
/// Every call throws UserError if the file is not such a store or cannot be used.
class SweepStore {
  public:
    /// Opens, or makes, the store at `path`.
    [[nodiscard]] static SweepStore open_or_create(const std::string& path);
    /// Opens a store that exists.
    [[nodiscard]] static SweepStore open(const std::string& path);

    /// Declares points of `sweep` and their places in the export. `plan` identifies the whole grid:
    /// points of the sweep that were planned under another one leave the export.
    void plan(const std::string& sweep, const std::string& plan,
              const std::vector<PlannedPoint>& points);

    /// Keys whose answer is final: ok or infeasible. Crashes and timeouts are tried again.
    [[nodiscard]] std::set<std::string> finished() const;

    void put(const std::string& key, const std::string& status, const std::string& reason,
             const std::string& record);

    /// Every planned point that has an answer, by sweep and position: the sorted export.
    [[nodiscard]] std::vector<StoredPoint> points() const;

    /// Takes over what `other` holds. A final answer wins over another; two final answers of one
    /// key that differ are an error, as are two plans of one sweep.
    void merge(const SweepStore& other);

  private:
    explicit SweepStore(std::string path) : path_(std::move(path)) {}

    std::string path_;
};

}  // namespace perfwatt
