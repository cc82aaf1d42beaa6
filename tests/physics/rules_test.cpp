#include "tests/physics/rules.h"

namespace perfwatt::laboratory {
namespace {

using Physics = Pairs;

TEST_F(Physics, HalvingEveryTimeConstantHalvesTheTime) {
    halving_time_constants_halves_the_time(24, 1000);
}
TEST_F(Physics, NoRunIsFasterThanItsBound) { no_run_is_faster_than_its_bound(24, 2000); }
TEST_F(Physics, TwiceTheLayersAreTwiceTheMacs) { twice_the_layers_are_twice_the_macs(12, 3000); }
TEST_F(Physics, MoreCoresNeverPlanForLonger) { more_cores_never_plan_for_longer(24, 4000); }
TEST_F(Physics, MoreBandwidthIsNeverSlower) { more_bandwidth_is_never_slower(16, 5000); }
TEST_F(Physics, MoreCoresAreNeverSlower) { more_cores_are_never_slower(16, 6000); }
TEST_F(Physics, LargerScratchpadsAreNeverSlower) { larger_scratchpads_are_never_slower(16, 7000); }
TEST_F(Physics, LargerBatchesAreNeverSlower) { larger_batches_are_never_slower(16, 8000); }

}  // namespace
}  // namespace perfwatt::laboratory
