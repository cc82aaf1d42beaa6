#include "sim/cli/program.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <new>

#include "sim/base/diagnostics.h"
#include "sim/base/version.h"
#include "sim/cli/output.h"
#include "sim/cli/verbs.h"
#include "sim/config/config_path.h"
#include "sim/run/builtin_memories.h"

namespace perfwatt {
namespace {

namespace fs = std::filesystem;

/// Where configurations stand: installed, PREFIX/bin beside PREFIX/share/perfwatt; in a build
/// folder, somewhere above it.
std::vector<std::string> folders_beside_executable() {
    std::error_code error;
    const fs::path executable = fs::read_symlink("/proc/self/exe", error);
    if (error) return {};
    std::vector<std::string> found;
    const fs::path installed = executable.parent_path().parent_path() / "share/perfwatt";
    if (fs::is_directory(installed / "configs/chips", error)) found.push_back(installed.string());
    for (fs::path above = executable.parent_path(); above != above.root_path();
         above = above.parent_path()) {
        if (fs::is_directory(above / "configs/chips", error)) {
            found.push_back(above.string());
            break;
        }
    }
    return found;
}

std::string overview() {
    std::string text =
        "perfwatt: latency, energy and performance per watt of AI accelerators\n\n"
        "usage: perfwatt VERB [options]\n\n";
    for (const Verb& verb : all_verbs()) {
        text += fmt::format("  {:<9} {}\n", verb.spec.name, verb.spec.summary);
    }
    return text + "\nperfwatt VERB --help tells more; perfwatt --version tells which this is.\n";
}

Verb verb_named(const std::string& name) {
    std::vector<std::string> names;
    for (Verb& verb : all_verbs()) {
        if (verb.spec.name == name) return std::move(verb);
        names.push_back(verb.spec.name);
    }
    const std::string near = did_you_mean(name, names);
    throw UserError(fmt::format("there is no verb '{}'", name),
                    near.empty() ? fmt::format("verbs: {}", fmt::join(names, ", ")) : near);
}

int execute(const std::vector<std::string>& words, const Environment& environment) {
    if (words.empty()) {
        fmt::print(stderr, "{}", overview());
        return kExitUserError;
    }
    const std::string& first = words.front();
    if (first == "--help" || first == "help") {
        write_output({}, overview());
        return kExitDone;
    }
    if (first == "--version") {
        write_output({}, fmt::format("perfwatt {}\n", version()));
        return kExitDone;
    }
    const Verb verb = verb_named(first);
    const std::vector<std::string> rest(words.begin() + 1, words.end());
    if (std::find(rest.begin(), rest.end(), "--help") != rest.end()) {
        write_output({}, help_text(verb.spec));
        return kExitDone;
    }
    return verb.execute(parse_arguments(verb.spec, rest), environment);
}

void print(const UserError& error) {
    for (const Diagnostic& diagnostic : error.diagnostics()) {
        fmt::print(stderr, "{}", to_string(diagnostic));
    }
}

}  // namespace

std::vector<Verb> all_verbs() {
    return {run_verb(),    compare_verb(), explain_verb(), sweep_verb(),
            merge_verb(),  report_verb(),  regress_verb(), validate_verb(),
            memory_verb(), list_verb(),    show_verb()};
}

int command_line(const std::vector<std::string>& words, const FamilyRegistry& families,
                 const std::vector<std::string>& data_folders) {
    // SystemC greets on standard error; a progress line is what belongs there.
    ::setenv("SC_COPYRIGHT_MESSAGE", "DISABLE", 1);
    try {
        std::vector<std::string> folders = data_folders;
        for (std::string& folder : folders_beside_executable()) {
            folders.push_back(std::move(folder));
        }
        const ConfigPath configs = ConfigPath::from_environment(std::move(folders));
        const BuiltinMemories memories(configs);
        return execute(words, {.configs = configs, .families = families, .memories = memories});
    } catch (const UserError& error) {
        print(error);
        return kExitUserError;
    } catch (const std::bad_alloc&) {
        fmt::print(stderr, "error: there is not enough memory for this\n");
        return kExitUserError;
    } catch (const std::exception& error) {
        fmt::print(stderr, "internal error: {}\n  this is a bug of perfwatt, not of your input\n",
                   error.what());
        return kExitInternalError;
    }
}

}  // namespace perfwatt
