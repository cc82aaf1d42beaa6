"""--lighten: what is done to a network, what a chip gains by it, and what is not simulated."""

import pathlib
import subprocess
import sys
import unittest

from command import ROOT, CommandTest

CHIP = "generic_edge_npu"
ACCURACY = "accuracy of the lightened network: whether it still answers well enough"
NET = """schema: perfwatt/workload/v1
macs: 12845056
parameters: 69632
input: {shape: [32, 28, 28]}
layers:
  - {conv: {filters: 64, kernel: 1}}
  - {activation: relu}
  - {conv: {filters: 64, kernel: 3, padding: 1}}
  - {activation: relu}
  - {pool: {kind: global_average}}
  - {flatten: {}}
  - {linear: {features: 16, bias: false}}
"""


class Lighten(CommandTest):
    def setUp(self):
        super().setUp()
        self.write("net.yaml", NET)
        self.base = ("--chip", CHIP, "--workload", "net.yaml")

    def test_the_record_names_the_passes_and_what_is_not_simulated(self):
        record = self.json_of("run", *self.base, "--lighten", "prune_channels_50", "--lighten",
                              "prune_2_4")
        self.assertEqual(record["lighten"], "prune_channels_50+prune_2_4")
        self.assertIn(ACCURACY, record["not_modelled"])
        self.assertTrue(any(note.startswith("prune_channels_50: done, from ")
                            for note in record["lightening"]))
        plain = self.json_of("run", *self.base)
        self.assertNotIn("lighten", plain)
        self.assertNotIn(ACCURACY, plain["not_modelled"])
        self.assertNotEqual(plain["config_hash"], record["config_hash"])
        # 64 channels become 32, twice; the classes stay: 784 x 32 x 32 + 784 x 32 x 32 x 9 + 32 x 16
        self.assertEqual(record["macs"], 784 * 32 * 32 * 10 + 32 * 16)

    def test_compare_puts_the_original_beside_the_lightened_network(self):
        words = ("compare", *self.base, "--lighten", "none", "--lighten", "lowrank_r8",
                 "--lighten", "prune_2_4")
        rows = self.json_of(*words)
        self.assertEqual([row["labels"]["lighten"] for row in rows],
                         ["none", "lowrank_r8", "prune_2_4"])
        self.assertLess(rows[1]["macs"], rows[0]["macs"])
        # The chip skips no zeros: pruning them saves neither products nor time.
        self.assertEqual(rows[2]["executed_macs"], rows[0]["executed_macs"])
        self.assertEqual(rows[2]["latency_ns"], rows[0]["latency_ns"])
        text = self.run_it(*words).out
        for word in ("MACs", "executed", "memory bytes", "lighten=lowrank_r8",
                     "whether they still answer well enough is not simulated",
                     "the chip does not read weights stored as 'n of m': they are kept plainly"):
            self.assertIn(word, text)

    def test_a_file_may_ask_for_it(self):
        self.write("light.yaml", NET + "lighten: [lowrank_r8]\n")
        asked = self.json_of("run", *self.base, "--lighten", "lowrank_r8")
        stated = self.json_of("run", "--chip", CHIP, "--workload", "light.yaml")
        self.assertEqual(stated["macs"], asked["macs"])
        self.assertEqual(stated["lighten"], "lowrank_r8")

    def test_a_sweep_varies_it(self):
        self.write("sweep.yaml", "schema: perfwatt/sweep/v1\nchips: [%s]\nworkloads: [./net.yaml]\n"
                   "lighten: [none, prune_channels_50]\n" % CHIP)
        self.run_it("sweep", "sweep.yaml", "--store", "s.db")
        self.run_it("report", "s.db", "--csv", "s.csv")
        text = (self.folder / "s.csv").read_text()
        self.assertIn("prune_channels_50", text)
        self.assertEqual(len(text.splitlines()), 3)

    def test_what_does_not_exist_is_refused_with_what_does(self):
        message = self.mistake("run", *self.base, "--lighten", "prune_9")
        self.assertIn("there is no lightening 'prune_9'", message)
        self.assertIn("prune_channels_PERCENT", message)
        message = self.mistake("run", *self.base, "--precision", "int8", "--lighten", "int4")
        self.assertIn("--lighten sets the precision to int4, --precision to int8", message)


class Definitions(unittest.TestCase):
    def test_files_are_what_their_definitions_make(self):
        done = subprocess.run([sys.executable, "-B",
                               str(pathlib.Path(ROOT) / "scripts" / "make_workloads.py"), "--check"],
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)


if __name__ == "__main__":
    unittest.main()
