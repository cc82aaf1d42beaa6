"""Several inferences on one chip: in turns, on cores or on engines of their own."""

import unittest

from command import CommandTest

BASE = ("run", "--chip", "warboy", "--workload", "resnet50", "--beside", "mobilenet_v2")
ORIN = ("run", "--chip", "jetson_agx_orin", "--workload", "resnet50", "--beside", "resnet50")


class Tenancy(CommandTest):
    def test_turns_take_as_long_as_their_sum(self):
        record = self.json_of(*BASE)
        first, second = record["tenants"]
        self.assertEqual(record["workload"], "resnet50 + mobilenet_v2")
        self.assertAlmostEqual(record["latency_ns"] / (first["latency_ns"] + second["latency_ns"]),
                               1, places=6)
        # Who comes back finds his weights gone.
        self.assertGreater(first["latency_ns"], first["alone_ns"])

    def test_own_cores_serve_more_than_turns(self):
        turns = self.json_of(*BASE)
        cores = self.json_of(*BASE, "--sharing", "cores")
        self.assertGreater(cores["throughput_per_s"], turns["throughput_per_s"])
        self.assertEqual([t["share"] for t in cores["tenants"]], ["core 0", "core 1"])
        # The shorter network is asked for again as long as the longer one lasts.
        self.assertEqual([t["inferences"] for t in cores["tenants"]], [1, 2])

    def test_a_neighbour_takes_its_share_of_a_narrow_memory(self):
        narrow = ("--set", "memories.lpddr4x.channels=1", "--set", "memories.lpddr4x.capacity=2 GB")
        pair = ("run", "--chip", "warboy", "--workload", "vgg16")
        beside = self.json_of(*pair, "--beside", "vgg16", "--sharing", "cores", *narrow)
        lonely = self.json_of(*pair, "--set", "npu.cores=1", *narrow)
        # Weights bound it: two streams of them on one channel take nearly twice the time.
        self.assertGreater(beside["tenants"][0]["latency_ns"], 1.5 * lonely["latency_ns"])

    def test_engines_are_named(self):
        record = self.json_of(*ORIN, "--sharing", "engines:gpu,dla0", "--precision", "int8")
        self.assertEqual([t["share"] for t in record["tenants"]], ["gpu", "dla0"])
        engines = {layer["engine"].split(".")[0] for layer in record["layers"]}
        self.assertEqual(engines, {"gpu", "dla0"})

    def test_mistakes_are_told_with_what_there_is(self):
        self.assertIn("it has: gpu, dla0",
                      self.mistake(*ORIN, "--sharing", "engines:gpu,dla9", "--precision", "int8"))
        self.assertIn("the chip has 2", self.mistake(*BASE, "--sharing", "cores:2,2"))
        self.assertIn("one of: turns", self.mistake(*BASE, "--sharing", "halves"))
        self.assertIn("--beside", self.mistake(*BASE[:5], "--sharing", "cores"))
        self.assertIn("offline", self.mistake(*BASE, "--scenario", "offline"))
        self.assertIn("no timeline", self.mistake(*BASE, "--timeline", "t.json"))
        self.assertIn("mobilenet_v2", self.mistake(*BASE[:5], "--beside", "mobilnet_v2"))


class Offline(CommandTest):
    def test_cores_serve_requests_of_their_own_where_that_serves_more(self):
        base = ("run", "--chip", "dx_m1", "--workload", "resnet50")
        single = self.json_of(*base)
        offline = self.json_of(*base, "--scenario", "offline")
        self.assertGreater(offline["throughput_per_s"], 1.5 * single["throughput_per_s"])
        self.assertEqual(offline["macs"], single["macs"])
        self.assertIn("offline: 3 inferences side by side, one on each core", offline["notes"])


if __name__ == "__main__":
    unittest.main()
