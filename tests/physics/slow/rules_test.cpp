#include "tests/physics/rules.h"

namespace perfwatt::laboratory {
namespace {

using ManyCases = Pairs;

TEST_F(ManyCases, HalvingEveryTimeConstantHalvesTheTime) {
    halving_time_constants_halves_the_time(250, 100000);
}
TEST_F(ManyCases, NoRunIsFasterThanItsBound) { no_run_is_faster_than_its_bound(250, 200000); }
TEST_F(ManyCases, TwiceTheLayersAreTwiceTheMacs) {
    twice_the_layers_are_twice_the_macs(250, 300000);
}

}  // namespace
}  // namespace perfwatt::laboratory
