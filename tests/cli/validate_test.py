"""perfwatt validate: figures beside references, and what the exit code says."""

import csv
import io
import json
import os
import shutil
import unittest

from command import ROOT, CommandTest

SUITES = ["dram", "npu", "silicon", "energy"]
FIGURES = ROOT / "tests/validation/dram"
HEAD = "memory,trace,figure,low,high,tolerance_percent,gates,source,note\n"


class Dram(CommandTest):
    def figures_of_our_own(self, *rows):
        """The environment of a program that finds these expected figures, and no others."""
        folder = self.folder / "root/validation/dram"
        if not folder.exists():
            shutil.copytree(FIGURES, folder)
        (folder / "expected.csv").write_text(HEAD + "".join(row + "\n" for row in rows))
        return {**os.environ, "PERFWATT_CONFIG_PATH": str(self.folder / "root")}

    def test_every_missed_figure_has_its_reason(self):
        with open(FIGURES / "expected.csv") as file:
            expected = list(csv.DictReader(file))
        done = self.run_it("validate", "dram", "--format", "json",
                           code=int(any(row["note"] for row in expected)))
        (suite,) = json.loads(done.out)
        self.assertEqual(suite["suite"], "dram")
        self.assertEqual(len(suite["figures"]), len(expected))
        missed = [figure for figure in suite["figures"] if figure["verdict"] == "missed"]
        self.assertEqual(suite["missed"], len(missed))
        for figure in suite["figures"]:
            beyond = abs(figure["error_percent"]) > figure["tolerance_percent"]
            self.assertEqual(figure["verdict"] == "missed", beyond, figure)
            self.assertTrue(figure["source"])
            if beyond:
                self.assertTrue(figure.get("note"), figure)

    def test_figure_within_tolerance_passes_and_one_beyond_fails(self):
        row = "ddr4_3200_reference,npu50,cycles,{0},{0},0.5,{1},hand,"
        good, bad = row.format(800076, "yes"), row.format(900000, "yes")
        for rows, code in (([good], 0), ([good, bad], 1), ([good, row.format(900000, "no")], 0)):
            done = self.run_it("validate", "dram", code=code, env=self.figures_of_our_own(*rows))
            self.assertIn("failed" if code else "passed", done.out.splitlines()[-1])
            self.assertIn(f"dram: 1 of {len(rows)} figures" if len(rows) > 1 else "1 of 1",
                          done.out)
        self.assertIn("missed (does not gate)", done.out)

    def test_malformed_figures_are_a_mistake(self):
        for row in ("ddr4_3200_reference,npu50,cycles", "none,seqR,cycles,1,1,1,yes,x,",
                    "ddr4_3200_reference,none,cycles,1,1,1,yes,x,",
                    "ddr4_3200_reference,seqR,cycles,many,1,1,yes,x,",
                    "ddr4_3200_reference,seqR,cycles,1,1,1,maybe,x,"):
            done = self.run_it("validate", "dram", code=2, env=self.figures_of_our_own(row))
            self.assertIn("error: ", done.err)
            self.assertEqual(done.out, "")

    def test_formats(self):
        env = self.figures_of_our_own("ddr4_3200_reference,npu50,cycles,800076,800076,0.5,yes,x,")
        rows = list(csv.DictReader(io.StringIO(
            self.run_it("validate", "dram", "--format", "csv", env=env).out)))
        self.assertEqual([(row["suite"], row["topic"], row["verdict"]) for row in rows],
                         [("dram", "npu50", "ok")])
        self.assertIn("| ddr4_3200_reference |",
                      self.run_it("validate", "dram", "--format", "md", env=env).out)
        self.run_it("validate", "dram", "--out", "answer.txt", env=env)
        self.assertIn("passed", (self.folder / "answer.txt").read_text())

    def test_unknown_suite_lists_the_suites(self):
        self.assertEqual(self.mistake("validate", "gpus"),
                         "error: there is no suite 'gpus'\n"
                         f"  hint: suites: {', '.join(SUITES)}\n")


if __name__ == "__main__":
    unittest.main()
