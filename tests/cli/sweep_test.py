"""Sweeps: resumed, killed, sharded, limited; the export is the same whatever happened."""

import os
import signal
import subprocess
import time
import unittest

from command import PROGRAM, CommandTest
from networks import SMALL

def is_sanitized():
    """A sanitizer reserves an address space of its own, which no limit on memory leaves room for."""
    cache = os.path.join(os.environ.get("PERFWATT_BUILD", ""), "CMakeCache.txt")
    if not os.path.exists(cache):
        return False
    with open(cache, encoding="utf-8") as lines:
        return any(line.startswith("PERFWATT_SANITIZE:BOOL=ON") for line in lines)


SWEEP = """schema: perfwatt/sweep/v1
chips: [generic_edge_npu]
workloads: [./small.yaml]
batch: [1, 2]
grid:
  npu.matrix.rows: [16, 32, 64]
  npu.clock: [500 MHz, 1 GHz]
"""


class Sweeps(CommandTest):
    def setUp(self):
        super().setUp()
        self.write("small.yaml", SMALL)
        self.write("grid.yaml", SWEEP)

    def sweep(self, store, *more, code=0):
        return self.run_it("sweep", "grid.yaml", "--store", store, *more, code=code)

    def export(self, store, form="csv"):
        self.run_it("report", store, f"--{form}", "out")
        return (self.folder / "out").read_bytes()

    def test_dry_run_counts_and_writes_nothing(self):
        self.assertEqual(self.sweep("s.db", "--dry-run").out, "12 points, all valid\n")
        self.assertNotIn("s.db", self.files())

    def test_jobs_change_nothing(self):
        self.sweep("one.db", "--jobs", "1")
        self.sweep("four.db", "--jobs", "4")
        for form in ("csv", "json", "md"):
            self.assertEqual(self.export("one.db", form), self.export("four.db", form))

    def test_second_run_finds_all_points_there(self):
        self.assertIn("12 ok, 0 infeasible, 0 failed, 0 already there", self.sweep("s.db").err)
        before = self.export("s.db")
        self.assertIn("0 ok, 0 infeasible, 0 failed, 12 already there", self.sweep("s.db").err)
        self.assertEqual(self.export("s.db"), before)

    def test_killed_sweep_resumes_to_the_same_export(self):
        self.sweep("whole.db")
        process = subprocess.Popen([PROGRAM, "sweep", "grid.yaml", "--store", "s.db",
                                    "--jobs", "1"], cwd=self.folder,
                                   stderr=subprocess.DEVNULL, start_new_session=True)
        journal = self.folder / "s.db"
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline:
            if journal.exists() and journal.stat().st_size > 30_000:
                os.killpg(process.pid, signal.SIGKILL)
                break
            time.sleep(0.001)
        process.wait()
        self.sweep("s.db")
        self.assertEqual(self.export("s.db"), self.export("whole.db"))

    def test_shards_merge_into_the_whole(self):
        self.sweep("whole.db")
        for shard in (1, 2, 3):
            self.assertIn("4 points", self.sweep(f"{shard}.db", "--shard", f"{shard}/3").err)
        self.run_it("merge", "all.db", "3.db", "1.db", "2.db")
        self.assertEqual(self.export("all.db", "json"), self.export("whole.db", "json"))

    def test_changed_chip_is_run_again(self):
        self.sweep("s.db")
        self.write("grid.yaml", SWEEP + "set: {npu.vector.lanes: 32}\n")
        self.assertIn("12 ok", self.sweep("s.db").err)
        self.assertEqual(self.export("s.db").count(b"\r\n"), 13)

    def test_changed_network_is_run_again(self):
        self.sweep("s.db")
        self.write("small.yaml", SMALL.replace("filters: 64", "filters: 65"))
        self.assertIn("12 ok", self.sweep("s.db").err)

    def test_infeasible_point_is_an_answer_with_its_reason(self):
        self.write("grid.yaml", SWEEP + "set: {memories.lpddr4x.capacity: 4 KiB}\n")
        done = self.run_it("sweep", "grid.yaml", "--store", "s.db")
        self.assertIn("12 infeasible", done.err)
        self.assertIn(b"infeasible", self.export("s.db"))

    @unittest.skipIf(is_sanitized(), "the sanitizer's own address space is over any limit")
    def test_point_over_its_memory_is_recorded_and_tried_again(self):
        # Large enough not to live on what reading the files has left in the heap.
        self.write("grid.yaml", "schema: perfwatt/sweep/v1\nchips: [generic_edge_npu]\n"
                                "workloads: [vgg16]\nbatch: [4]\n")
        limited = self.sweep("s.db", "--point-memory", "256 KiB", code=1)
        self.assertIn("1 failed", limited.err)
        self.assertIn(b"out_of_memory", self.export("s.db"))
        self.assertIn("1 ok", self.sweep("s.db").err)

    def test_point_over_its_time_is_recorded(self):
        self.write("grid.yaml", "schema: perfwatt/sweep/v1\nchips: [generic_edge_npu]\n"
                                "workloads: [bert_large]\nset: {npu.matrix.rows: 1}\n"
                                "batch: [64]\nmapping_effort: 1000000\n")
        self.assertIn("1 failed", self.sweep("s.db", "--point-timeout", "1", code=1).err)
        self.assertIn(b"timeout", self.export("s.db"))

    def test_pareto_front_is_a_subset_that_nobody_beats(self):
        self.sweep("s.db")
        whole = self.export("s.db").decode().splitlines()
        self.run_it("report", "s.db", "--csv", "front.csv", "--pareto", "latency_ns,energy_pj")
        front = (self.folder / "front.csv").read_text().splitlines()
        self.assertLess(len(front), len(whole))
        self.assertTrue(set(front) <= set(whole))
        self.assertIn("did you mean 'latency_ns'?",
                      self.mistake("report", "s.db", "--pareto", "latncy_ns,energy_pj"))

    def test_page_stands_alone(self):
        self.sweep("s.db")
        page = self.export("s.db", "html").decode()
        self.assertIn("<html", page)
        for far in ("http://", "https://", "src="):
            self.assertNotIn(far, page.replace("http://www.w3.org/2000/svg", ""))


class Regress(CommandTest):
    def setUp(self):
        super().setUp()
        self.write("small.yaml", SMALL)
        self.write("b.yaml", "schema: perfwatt/baseline/v1\ntolerance: 0\nentries:\n"
                             "  - chip: generic_edge_npu\n    workload: small.yaml\n"
                             "  - chip: generic_edge_npu\n    workload: small.yaml\n"
                             "    batch: 2\n")

    def test_update_then_agree_then_notice(self):
        self.assertIn("not recorded", self.run_it("regress", "b.yaml", code=1).out)
        self.run_it("regress", "b.yaml", "--update", "--reason", "first figures")
        text = (self.folder / "b.yaml").read_text()
        self.assertIn("first figures", text)
        self.assertIn("0 changes", self.run_it("regress", "b.yaml").out)
        self.assertEqual((self.folder / "b.yaml").read_text(), text)

        self.write("small.yaml", SMALL.replace("filters: 64", "filters: 128"))
        done = self.run_it("regress", "b.yaml", "--junit", "j.xml", code=1)
        self.assertIn("4 changes", done.out)
        self.assertRegex(done.out, r"latency_ns .*\+\d+\.\d+ %")
        self.assertIn('failures="2"', (self.folder / "j.xml").read_text())


if __name__ == "__main__":
    unittest.main()
