#pragma once

#include <string>
#include <vector>

#include "sim/arch/family.h"

namespace perfwatt {

/// Everything a main() does: reads the words of the command line (without the program's name),
/// does what they ask, prints mistakes, and returns the exit code. A program with families of its
/// own adds them to the registry first. Configurations are looked up in PERFWATT_CONFIG_PATH, in
/// `data_folders`, and beside the executable.
int command_line(const std::vector<std::string>& words, const FamilyRegistry& families,
                 const std::vector<std::string>& data_folders = {});

}  // namespace perfwatt
