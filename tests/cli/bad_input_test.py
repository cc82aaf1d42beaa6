"""Wrong chips, networks and figures: a clear message, exit 2, and nothing left behind."""

import random
import unittest

from command import ROOT, CommandTest

CHIP = (ROOT / "configs/chips/generic_edge_npu.yaml").read_text()


class BadInput(CommandTest):
    def run_mistake(self, *more, chip="generic_edge_npu", workload="mobilenet_v2"):
        """The message of a run that must fail; asks for an output file, which must not appear."""
        before = self.files()
        error = self.mistake("run", "--chip", chip, "--workload", workload, "--format", "json",
                             "--out", "answer.json", "--timeline", "trace.json", *more)
        self.assertEqual(self.files(), before, "something was left behind")
        return error

    def chip_with(self, old, new):
        self.assertIn(old, CHIP)
        return self.write("chip.yaml", CHIP.replace(old, new, 1))

    def chip_mistake(self, old, new):
        return self.run_mistake(chip=self.chip_with(old, new))


class BadChip(BadInput):
    def test_unknown_key(self):
        error = self.chip_mistake("command_overhead_cycles: 16", "comand_overhead_cycles: 16")
        self.assertRegex(error, r"chip\.yaml:\d+:\d+: error: .*comand_overhead_cycles")
        self.assertIn("did you mean 'command_overhead_cycles'?", error)
        self.assertIn("^", error)

    def test_wrong_unit(self):
        self.assertIn("clock", self.chip_mistake("clock: 1 GHz", "clock: 1 GB"))
        self.assertIn("clock", self.chip_mistake("clock: 1 GHz", "clock: 1000000000"))
        self.assertIn("rows", self.chip_mistake("rows: 64", "rows: 64 B"))

    def test_zero_negative_infinite_absurd(self):
        for bad in ("0 GHz", "-1 GHz", "inf GHz", "nan GHz", "1e400 GHz", "999999999 GHz",
                    ".inf", "1 GHz 2"):
            self.assertIn("clock", self.chip_mistake("clock: 1 GHz", f"clock: {bad}"))
        for bad in ("0", "-64", "1.5", "99999999999999999999", "0x40", "010", "6_4", "true",
                    "null", "[64]", "{}"):
            self.assertIn("rows", self.chip_mistake("rows: 64", f"rows: {bad}"))
        for bad in ("0 MiB", "-2 MiB", "9999999 TiB", "inf MiB", "0.3 B"):
            self.assertIn("bytes", self.chip_mistake("bytes: 2 MiB", f"bytes: {bad}"))

    def test_duplicate_key(self):
        self.assertIn("trust", self.chip_mistake("trust: none", "trust: none\ntrust: A"))

    def test_missing_key(self):
        self.assertIn("launch", self.chip_mistake("launch: 10 us\n", ""))

    def test_all_mistakes_at_once(self):
        text = CHIP.replace("clock: 1 GHz", "clok: 1 GHz").replace("trust: none", "trust: C")
        error = self.run_mistake(chip=self.write("chip.yaml", text))
        self.assertIn("clok", error)
        self.assertIn("trust", error)
        self.assertGreaterEqual(error.count("error: "), 2)

    def test_not_yaml_at_all(self):
        for text in ("", "{", "a: [1", "- just\n- a list\n", "\t\tx: 1", "x: &a 1\ny: *a",
                     "%YAML 9.9\n---\n", "\x00\x01\x02", "schema: perfwatt/chip/v9\n",
                     "schema: perfwatt/memory/v1\n"):
            self.run_mistake(chip=self.write("chip.yaml", text))

    def test_random_bytes(self):
        source = random.Random(1)
        for _ in range(20):
            self.run_mistake(chip=self.write("chip.yaml", source.randbytes(300)))

    def test_folder_and_missing_file(self):
        (self.folder / "dir.yaml").mkdir()
        self.assertIn("dir.yaml", self.run_mistake(chip="dir.yaml"))
        self.assertIn("missing.yaml", self.run_mistake(chip="missing.yaml"))
        self.assertIn("missing", self.run_mistake(chip="/no/such/missing.yaml"))

    def test_bad_overrides(self):
        self.assertIn("npu.coers", self.run_mistake("--set", "npu.coers=2"))
        self.run_mistake("--set", "npu.cores")
        self.run_mistake("--set", "=2")
        self.run_mistake("--set", "npu.cores=0")
        self.run_mistake("--set", "npu.clock=2 GB")
        self.run_mistake("--set", "npu=2")

    def test_unknown_precision_suggests_the_nearest(self):
        self.assertIn("did you mean 'int4'?", self.run_mistake("--precision", "int3"))


class BadNetwork(BadInput):
    def test_onnx_that_is_none(self):
        whole = (ROOT / "workloads/onnx/mobilenet_v2.onnx").read_bytes()
        source = random.Random(2)
        for content in (b"", b"not a network", source.randbytes(4096), whole[:len(whole) // 2],
                        whole[:100], b"\x00" * 64):
            self.run_mistake(workload=self.write("net.onnx", content))

    def test_folder_and_missing_file(self):
        (self.folder / "dir.onnx").mkdir()
        self.run_mistake(workload="dir.onnx")
        self.run_mistake(workload="missing.onnx")
        self.run_mistake(workload="missing.yaml")

    def test_cyclic_graph(self):
        from onnx_bytes import graph, model, node, value
        cycle = graph([node("Add", ["x", "b"], ["a"]), node("Relu", ["a"], ["b"])],
                      [value("x", [1, 8])], [value("b", [1, 8])])
        error = self.run_mistake(workload=self.write("cycle.onnx", model(cycle)))
        self.assertIn("cycl", error)

    def test_unknown_operator_is_named_with_its_node_and_file(self):
        from onnx_bytes import graph, model, node, value
        odd = graph([node("Frobnicate", ["x"], ["y"], name="the_node")],
                    [value("x", [1, 8])], [value("y", [1, 8])])
        error = self.run_mistake(workload=self.write("odd.onnx", model(odd)))
        for word in ("Frobnicate", "the_node", "odd.onnx"):
            self.assertIn(word, error)

    def test_network_larger_than_memory(self):
        error = self.run_mistake("--set", "memories.lpddr4x.capacity=1 MiB", workload="vgg16")
        self.assertIn("memory", error)

    def test_tile_that_fits_nowhere(self):
        error = self.run_mistake("--set", "npu.scratchpad.bytes=1 KiB",
                                 "--set", "npu.scratchpad.banks=1", workload="vgg16")
        self.assertRegex(error, r"cannot run|fit|scratchpad|smallest")

    def test_batch_beyond_all_memory(self):
        self.run_mistake("--batch", "1000000", workload="vgg16")

    def test_scale_sim_csv_that_is_none(self):
        for text in ("", "a,b\n", "Layer name, IFMAP Height,\nConv1, x, y,\n"):
            self.run_mistake(workload=self.write("net.csv", text))


class BadSweep(BadInput):
    def test_points_are_checked_before_any_runs(self):
        self.write("s.yaml", "schema: perfwatt/sweep/v1\nchips: [generic_edge_npu]\n"
                             "workloads: [mobilenet_v2]\ngrid: {npu.coers: [1, 2]}\n")
        self.assertIn("npu.coers", self.mistake("sweep", "s.yaml", "--store", "s.db"))
        self.assertEqual(self.files(), ["s.yaml"])

    def test_shard_is_checked(self):
        self.write("s.yaml", "schema: perfwatt/sweep/v1\nchips: [generic_edge_npu]\n"
                             "workloads: [mobilenet_v2]\n")
        for bad in ("0/2", "3/2", "x", "1/", "1/0"):
            self.assertIn("--shard", self.mistake("sweep", "s.yaml", "--shard", bad))
        self.assertIn("--point-memory", self.mistake("sweep", "s.yaml", "--point-memory", "2"))
        self.assertIn("--point-timeout", self.mistake("sweep", "s.yaml", "--point-timeout", "0"))

    def test_update_needs_a_reason(self):
        self.assertIn("--reason", self.mistake("regress", "b.yaml", "--update"))


if __name__ == "__main__":
    unittest.main()
