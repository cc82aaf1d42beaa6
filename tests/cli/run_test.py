"""run, compare and explain: what they answer, in every form, the same each time."""

import csv
import io
import json
import os
import unittest

from command import CommandTest
from networks import SMALL, SMALL_MACS

CHIP = "generic_edge_npu"
TIMES = ["compute", "vector", "memory_bandwidth", "memory_latency", "fill_drain", "dependency",
         "launch", "host", "idle"]
ENERGIES = ["mac", "sram", "register", "link", "dram", "pim", "static", "host"]
FIELDS = ["schema", "version", "config_hash", "chip", "workload", "batch", "precision", "phase",
          "context", "scenario", "operating_point", "memory_timing", "trust", "estimated", "not_modelled",
          "latency_ns", "latency_p50_ns", "latency_p99_ns", "ttft_ns", "throughput_per_s",
          "energy_pj", "power_w", "power_boundary", "perf_per_watt", "macs", "executed_macs",
          "bound_ns", "utilization", "memories", "energy_breakdown_pj", "time_breakdown_ns",
          "layers"]


class Runs(CommandTest):
    def setUp(self):
        super().setUp()
        self.net = self.write("small.yaml", SMALL)
        self.base = ("run", "--chip", CHIP, "--workload", "small.yaml")


class Record(Runs):
    def test_has_the_keys_of_its_schema_in_order(self):
        record = self.json_of(*self.base)
        self.assertEqual(list(record), FIELDS)
        self.assertEqual(record["schema"], "perfwatt/result/v1")
        self.assertEqual(list(record["time_breakdown_ns"]), TIMES)
        self.assertEqual(list(record["energy_breakdown_pj"]), ENERGIES)

    def test_sums_agree(self):
        record = self.json_of(*self.base)
        self.assertAlmostEqual(sum(record["time_breakdown_ns"].values()), record["latency_ns"],
                               delta=1e-6 * record["latency_ns"])
        self.assertAlmostEqual(sum(record["energy_breakdown_pj"].values()), record["energy_pj"],
                               delta=1e-6 * record["energy_pj"])
        self.assertEqual(sum(layer["macs"] for layer in record["layers"]), record["macs"])
        self.assertEqual(record["macs"], SMALL_MACS)
        self.assertGreaterEqual(record["executed_macs"], record["macs"])
        self.assertGreaterEqual(record["latency_ns"], record["bound_ns"])
        self.assertAlmostEqual(record["power_w"], record["energy_pj"] / record["latency_ns"] / 1e3,
                               delta=1e-6)
        for layer in record["layers"]:
            self.assertIn(layer["limited_by"], TIMES)

    def test_two_runs_give_the_same_bytes(self):
        for form in ("table", "json", "csv", "md"):
            words = (*self.base, "--format", form)
            self.assertEqual(self.run_it(*words).stdout, self.run_it(*words).stdout)

    def test_names_carry_no_meaning(self):
        self.write("renamed.yaml", SMALL.replace("first", "a").replace("second", "b"))
        one = self.json_of(*self.base)
        two = self.json_of("run", "--chip", CHIP, "--workload", "renamed.yaml")
        for key in ("latency_ns", "energy_pj", "executed_macs"):
            self.assertEqual(one[key], two[key])

    def test_stdout_has_the_answer_and_stderr_nothing(self):
        done = self.run_it(*self.base, "--format", "json")
        json.loads(done.out)
        self.assertEqual(done.err, "")

    def test_csv_has_a_line_a_layer(self):
        record = self.json_of(*self.base)
        rows = list(csv.DictReader(io.StringIO(self.run_it(*self.base, "--format", "csv").out)))
        self.assertEqual([row["name"] for row in rows],
                         [layer["name"] for layer in record["layers"]])


class Options(Runs):
    def test_batch_multiplies_the_work(self):
        self.assertEqual(self.json_of(*self.base, "--batch", "3")["macs"], 3 * SMALL_MACS)

    def test_set_changes_the_chip_and_its_hash(self):
        one = self.json_of(*self.base)
        two = self.json_of(*self.base, "--set", "npu.clock=500 MHz")
        self.assertGreater(two["latency_ns"], one["latency_ns"])
        self.assertNotEqual(two["config_hash"], one["config_hash"])

    def test_set_changes_the_network(self):
        wider = self.json_of(*self.base, "--set", "workload.input.shape=[16, 32, 16]")
        self.assertEqual(wider["macs"], 2 * SMALL_MACS)

    def test_memory_timing_is_named_in_the_record(self):
        for timing in ("exact", "stream"):
            record = self.json_of(*self.base, "--memory-timing", timing)
            self.assertEqual(record["memory_timing"], timing)

    def test_cold_start_reads_the_weights_again(self):
        warm = self.json_of(*self.base, "--start", "steady")
        cold = self.json_of(*self.base, "--start", "cold")
        weights = 32 * 16 * 9 + 64 * 32
        read = [record["memories"][0]["read_bytes"] for record in (warm, cold)]
        self.assertGreaterEqual(read[1] - read[0], weights)

    def test_out_is_written_whole_and_stdout_left_alone(self):
        done = self.run_it(*self.base, "--format", "json", "--out", "a.json")
        self.assertEqual(done.out, "")
        self.assertEqual(self.files(), ["a.json", "small.yaml"])
        self.assertEqual((self.folder / "a.json").read_bytes(),
                         self.run_it(*self.base, "--format", "json").stdout)

    def test_out_through_a_link_keeps_the_link(self):
        (self.folder / "real.json").write_text("old")
        os.symlink("real.json", self.folder / "link.json")
        self.run_it(*self.base, "--format", "json", "--out", "link.json")
        self.assertTrue((self.folder / "link.json").is_symlink())
        json.loads((self.folder / "real.json").read_text())

    def test_timeline_is_a_trace_with_tracks_and_a_bandwidth_counter(self):
        self.run_it(*self.base, "--timeline", "trace.json")
        trace = json.loads((self.folder / "trace.json").read_text())
        events = trace["traceEvents"]
        self.assertTrue(any(event["ph"] == "X" for event in events))
        self.assertTrue(any(event["ph"] == "C" for event in events))
        tracks = [event["args"]["name"] for event in events if event["name"] == "thread_name"]
        self.assertTrue(any("matrix" in track for track in tracks), tracks)

    def test_timeline_says_which_blocks_it_leaves_out(self):
        def title(*more):
            self.run_it("run", "--chip", "warboy", "--workload", "resnet50", "--timeline",
                        "trace.json", *more)
            events = json.loads((self.folder / "trace.json").read_text())["traceEvents"]
            return next(e["args"]["name"] for e in events if e["name"] == "process_name")
        self.assertRegex(title(), r"\(\d of \d identical blocks; --fold-layers off shows all\)")
        self.assertEqual(title("--fold-layers", "off"), "resnet50 on warboy")

    def test_mapping_is_replayed(self):
        found = self.json_of(*self.base, "--dump-mapping", "m.yaml")
        replayed = self.json_of(*self.base, "--mapping", "m.yaml")
        self.assertEqual(found["latency_ns"], replayed["latency_ns"])
        poor = self.json_of(*self.base, "--mapping-effort", "1")
        self.assertLessEqual(found["latency_ns"], poor["latency_ns"])

    def test_every_pass_can_be_dumped(self):
        for name in ("fold", "infer", "quantise", "fuse", "lower", "place", "map", "allocate",
                     "emit"):
            done = self.run_it(*self.base, "--dump-after", name, "--format", "json")
            self.assertIn(f"after {name}", done.err)
            json.loads(done.out)
        self.assertIn("emitt", self.mistake(*self.base, "--dump-after", "emitt"))


class Compare(Runs):
    def test_jobs_change_nothing(self):
        words = ("compare", "--chip", CHIP, "--chip", "edge_tpu", "--workload", "small.yaml",
                 "--workload", "mobilenet_v2", "--format", "json")
        one = self.run_it(*words, "--jobs", "1").stdout
        self.assertEqual(one, self.run_it(*words, "--jobs", "4").stdout)
        records = json.loads(one)
        self.assertEqual([(record["chip"], record["workload"]) for record in records],
                         [(CHIP, "small.yaml"), ("edge_tpu", "small.yaml"),
                          (CHIP, "mobilenet_v2"), ("edge_tpu", "mobilenet_v2")])

    def test_agrees_with_run(self):
        records = json.loads(self.run_it("compare", "--chip", CHIP, "--workload", "small.yaml",
                                         "--batch", "1", "--batch", "2", "--format", "json").out)
        for batch, record in zip((1, 2), records):
            self.assertEqual(record, self.json_of(*self.base, "--batch", batch))

    def test_what_cannot_run_is_a_line_and_not_the_end(self):
        words = ("compare", "--chip", CHIP, "--workload", "small.yaml", "--workload", "vgg16",
                 "--set", "memories.lpddr4x.capacity=16 MiB")
        done = self.run_it(*words, "--format", "json")
        entries = json.loads(done.out)
        self.assertEqual(entries[0]["workload"], "small.yaml")
        self.assertEqual(entries[1]["status"], "infeasible")
        self.assertIn("infeasible", done.err)


class Explain(Runs):
    def test_runs_every_doubling(self):
        answer = json.loads(self.run_it("explain", "--chip", CHIP, "--workload", "small.yaml",
                                        "--format", "json").out)
        self.assertEqual(answer["result"]["macs"], SMALL_MACS)
        changes = {one["change"]: one for one in answer["doublings"]}
        clock = changes["npu.clock: 1 GHz -> 2 GHz"]
        self.assertLess(clock["latency_ns"], answer["result"]["latency_ns"])
        doubled = self.json_of(*self.base, "--set", "npu.clock=2 GHz")
        self.assertEqual(clock["latency_ns"], doubled["latency_ns"])
        self.assertTrue(any(change.startswith("memories.lpddr4x.channels") for change in changes))


if __name__ == "__main__":
    unittest.main()
