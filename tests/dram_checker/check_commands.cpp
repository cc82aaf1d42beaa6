// check_commands LOG.csv RULES [CELSIUS]: judges a command log against a rule list. Exit 0 when it
// obeys, 1 when it does not (the first 20 violations are printed), 2 when something cannot be read.

#include <fmt/core.h>

#include <cstdio>
#include <exception>
#include <fstream>
#include <iostream>
#include <string>

#include "tests/dram_checker/checker.h"

int main(int argc, char** argv) {
    using namespace perfwatt::dram_checker;
    if (argc != 3 && argc != 4) {
        fmt::print(stderr,
                   "usage: check_commands LOG.csv RULES [CELSIUS]   (LOG '-' reads stdin)\n");
        return 2;
    }
    try {
        RuleSet rules = load_rules(argv[2]);
        if (argc == 4) rules.at_celsius(std::stoi(argv[3]));
        const std::string path = argv[1];
        std::ifstream file;
        if (path != "-") {
            file.open(path, std::ios::binary);
            if (!file) {
                fmt::print(stderr, "{}: cannot be read\n", path);
                return 2;
            }
        } else {
            std::ios::sync_with_stdio(false);
        }
        Checker checker(rules, 20);
        feed(path == "-" ? std::cin : file, checker);
        for (const Violation& one : checker.violations()) {
            fmt::print("{}:{}: {}: {}\n", path, one.line, one.rule, one.details);
        }
        fmt::print("{}: {} commands, {} violations\n", rules.standard, checker.command_count(),
                   checker.violation_count());
        return checker.violation_count() == 0 ? 0 : 1;
    } catch (const std::exception& error) {
        fmt::print(stderr, "{}\n", error.what());
        return 2;
    }
}
