#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "sim/base/diagnostics.h"
#include "sim/base/time.h"
#include "sim/stats/result.h"

namespace perfwatt {

class ConfigPath;
class FamilyRegistry;
class MemoryCatalog;

/// What to simulate: the options of `perfwatt run`, typed. Text fields are looked up and checked by
/// run(), so that every mistake is reported in one place and in one form.
struct RunRequest {
    std::string chip;      ///< name or file of a chip or system
    std::string workload;  ///< name or file: YAML, ONNX, SCALE-Sim CSV
    std::int64_t batch = 1;
    std::vector<std::string> beside;       ///< more networks that have the chip at the same time
    std::string sharing = "turns";         ///< how they have it: see sharing_from()
    std::optional<std::string> precision;  ///< the chip's default if absent
    /// What is done to the network to make it lighter, in this order: see lighten_passes().
    std::vector<std::string> lighten;
    std::string phase = "forward";  ///< forward | prefill | decode | generate
    std::int64_t context = 0;       ///< tokens already in the cache; 0: the network's default
    std::int64_t tokens = 0;        ///< tokens to generate
    std::string scenario = "single_stream";  ///< | multi_stream | offline
    int requests = 8;                        ///< of multi_stream: they arrive together
    int inferences = 1;                      ///< simulated back to back, in one program
    int streams = 1;                      ///< of them side by side, each on its part of the cores
    std::string start = "steady";         ///< cold | steady
    std::string memory_timing = "exact";  ///< exact | stream | auto: as the chip's file says
    std::vector<std::string>
        overrides;  ///< "path=value", of the chip; "workload.path=value" of the network
    std::string place = "auto";  ///< auto | host: no work in memory | pim: all that goes there
    std::optional<std::string> mapping_file;
    int mapping_effort = 1000;            ///< candidates evaluated per kernel at most
    bool strict = false;                  ///< refuse work that falls to the host
    bool fold_layers = true;              ///< identical blocks simulated once
    std::vector<std::string> dump_after;  ///< passes whose output is wanted in RunOutput::dumps
    bool want_mapping = false;
    bool want_timeline = false;
};

struct RunOutput {
    Result result;
    std::vector<std::pair<std::string, std::string>> dumps;  ///< pass -> text
    std::string mapping;                                     ///< YAML, if wanted
    std::string timeline;                                    ///< Perfetto JSON, if wanted
    int mapping_candidates = 0;
    int commands = 0;
    std::vector<Time> answered;  ///< when each run of the program had its last command behind it
};

/// Where names are looked up and which families exist; made once in main().
struct Environment {
    const ConfigPath& configs;
    const FamilyRegistry& families;
    const MemoryCatalog& memories;
};

/// Overrides by what they change: the chip, or the network (without their "workload.").
struct Overrides {
    std::vector<std::string> chip;
    std::vector<std::string> workload;
};
[[nodiscard]] Overrides split_overrides(const std::vector<std::string>& overrides);

/// Everything up to the simulation: files read, shapes inferred, options checked. Throws UserError.
/// Cheap (no SystemC): a sweep validates all its points with it before it runs one.
void validate(const RunRequest& request, const Environment& environment);

/// The whole way from two files to a result. SystemC allows one simulation a process: call it once,
/// in a worker (sim/run/worker.h) if more runs follow.
/// Throws UserError for the user's mistakes, InternalError for broken invariants; a network that
/// cannot run on the chip is an Infeasible with its reason.
[[nodiscard]] std::variant<RunOutput, Infeasible> run(const RunRequest& request,
                                                      const Environment& environment);

}  // namespace perfwatt
