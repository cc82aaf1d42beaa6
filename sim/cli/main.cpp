#include "sim/arch/registry.h"
#include "sim/cli/program.h"

int main(int argc, char* argv[]) {
    const perfwatt::FamilyRegistry families = perfwatt::builtin_families();
    return perfwatt::command_line({argv + 1, argv + argc}, families);
}
