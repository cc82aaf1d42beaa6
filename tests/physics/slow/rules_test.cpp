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
TEST_F(ManyCases, MoreBandwidthIsNeverSlower) { more_bandwidth_is_never_slower(250, 500000); }
TEST_F(ManyCases, MoreCoresAreNeverSlower) { more_cores_are_never_slower(250, 600000); }
TEST_F(ManyCases, LargerScratchpadsAreNeverSlower) {
    larger_scratchpads_are_never_slower(250, 700000);
}
TEST_F(ManyCases, LargerBatchesAreNeverSlower) { larger_batches_are_never_slower(250, 800000); }

}  // namespace
}  // namespace perfwatt::laboratory
