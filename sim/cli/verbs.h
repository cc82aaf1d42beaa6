#pragma once

#include <string>
#include <vector>

#include "sim/cli/arguments.h"
#include "sim/run/run.h"

namespace perfwatt {

// What the shell is told: 0 done, 1 a check failed, 2 the user's mistake, 3 our bug.
inline constexpr int kExitDone = 0;
inline constexpr int kExitCheckFailed = 1;
inline constexpr int kExitUserError = 2;
inline constexpr int kExitInternalError = 3;

/// A verb of `perfwatt`: its words, and what it does with them. `execute` returns the exit code;
/// it throws UserError and InternalError.
struct Verb {
    VerbSpec spec;
    int (*execute)(const Arguments& arguments, const Environment& environment);
};

// One file each.
[[nodiscard]] Verb run_verb();
[[nodiscard]] Verb compare_verb();
[[nodiscard]] Verb explain_verb();
[[nodiscard]] Verb sweep_verb();
[[nodiscard]] Verb merge_verb();
[[nodiscard]] Verb report_verb();
[[nodiscard]] Verb regress_verb();
[[nodiscard]] Verb validate_verb();
[[nodiscard]] Verb memory_verb();
[[nodiscard]] Verb list_verb();
[[nodiscard]] Verb show_verb();

/// In the order of the help.
[[nodiscard]] std::vector<Verb> all_verbs();

}  // namespace perfwatt
