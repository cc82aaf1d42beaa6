#pragma once

#include <string>
#include <variant>
#include <vector>

#include "sim/run/run.h"

namespace perfwatt {

/// How several networks have one chip: the word of --sharing, read.
struct Sharing {
    enum class Kind : std::uint8_t {
        turns,    ///< one inference of each after the other, the chip to itself
        cores,    ///< each has cores of its own; memory and links are shared
        engines,  ///< each has an engine of its own
    };
    Kind kind = Kind::turns;
    std::vector<int> cores;            ///< of each network; empty: alike
    std::vector<std::string> engines;  ///< of each network
};

/// "turns", "cores", "cores:3,1", "engines:gpu,dla0". UserError for anything else.
[[nodiscard]] Sharing sharing_from(const std::string& text);

/// Cores of each of `networks`: as asked for, or alike, the first ones having what is left over.
/// UserError where a chip of `cores` cannot give them.
[[nodiscard]] std::vector<int> cores_of_each(const Sharing& sharing, int cores,
                                             std::size_t networks);

/// One round of networks that take turns: times and energies add up. Who comes back finds nothing
/// of his left on the chip, so `rounds` are records of cold starts, `alone` of steady ones.
[[nodiscard]] Result take_turns(const std::vector<Result>& rounds,
                                const std::vector<Result>& alone);

/// The request's network and those beside it. In turns: one inference of each, from a cold start.
/// On cores or engines of their own: inferences one after the other, as many of the shorter
/// networks as the longest lasts (at most 8), in one simulation; memory is cut in equal parts, its
/// bandwidth goes to who asks. Layers are those of all, one network after the other.
[[nodiscard]] std::variant<RunOutput, Infeasible> run_tenants(const RunRequest& request,
                                                              const Environment& environment);

}  // namespace perfwatt
