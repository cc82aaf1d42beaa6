"""perfwatt validate: figures beside references, and what the exit code says."""

import csv
import io
import json
import os
import shutil
import subprocess
import unittest

from command import PROGRAM, ROOT, CommandTest

FOLDERS = ROOT / "tests/validation"
SUITES = sorted(path.name for path in FOLDERS.iterdir() if path.is_dir())
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

    def test_unknown_suite_lists_the_suites_and_each_folder_is_one(self):
        message = self.mistake("validate", "gpus")
        self.assertIn("error: there is no suite 'gpus'\n  hint: suites: ", message)
        listed = message.split("suites: ")[1].strip().split(", ")
        self.assertEqual(sorted(listed), SUITES)

    def test_page_draws_the_figures(self):
        env = self.figures_of_our_own("ddr4_3200_reference,npu50,cycles,800076,800076,0.5,yes,x,")
        self.run_it("validate", "dram", "--picture", "page.html", env=env)
        page = (self.folder / "page.html").read_text()
        self.assertIn("<svg", page)
        self.assertIn("ddr4_3200_reference npu50 cycles: 800076 measured", page)


class Npu(CommandTest):
    def test_other_simulators_counts_are_met_exactly_and_the_difference_is_explained(self):
        done = subprocess.run([PROGRAM, "validate", "npu", "--format", "json"],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        (suite,) = json.loads(done.stdout)
        exact = [f for f in suite["figures"] if f["subject"].startswith(("scale_sim", "stonne"))]
        self.assertEqual(len(exact), 2 * (84 + 9))
        for figure in exact:
            self.assertEqual(figure["ours"], figure["low"], figure)
            if figure["figure"] != "cycles":
                self.assertIn("our unit counts", figure["note"])
        for figure in suite["figures"]:
            self.assertNotEqual(figure["verdict"], "skipped", figure)


class Silicon(CommandTest):
    def rows_of(self, *chips):
        """The environment of a program that finds the published rows of these chips only."""
        folder = self.folder / "root/validation/silicon"
        shutil.copytree(FOLDERS / "silicon", folder)
        with open(FOLDERS / "silicon/rows.csv") as file:
            rows = list(csv.reader(file))
        with open(folder / "rows.csv", "w") as file:
            csv.writer(file).writerows(rows[:1] + [row for row in rows if row[0] in chips])
        return {**os.environ, "PERFWATT_CONFIG_PATH": f"{self.folder / 'root'}:{ROOT}"}

    def test_class_a_of_the_tpu_is_within_its_targets(self):
        env = self.rows_of("Google TPU v1", "Eyeriss v2 (65 nm, post-layout sim)")
        (suite,) = json.loads(
            self.run_it("validate", "silicon", "--format", "json", env=env).out)
        (median, worst) = suite["targets"]
        self.assertEqual((median["group"], median["verdict"], worst["verdict"]), ("A", "ok", "ok"))
        self.assertEqual(median["figures"], 4)
        for figure in suite["figures"]:
            skipped = figure["verdict"] == "skipped"
            self.assertEqual(skipped, figure["subject"] != "Google TPU v1")
            self.assertTrue(figure["note"] if skipped else figure["energy_mj"] > 0, figure)

    def test_rows_of_gpus_have_targets_of_their_own(self):
        env = self.rows_of("NVIDIA T4")
        done = self.run_it("validate", "silicon", "--format", "json", env=env, code=None)
        (suite,) = json.loads(done.out)
        self.assertEqual({target["group"] for target in suite["targets"]}, {"B gpu"})
        missed = any(target["verdict"] == "missed" for target in suite["targets"])
        self.assertEqual(done.returncode, 1 if missed else 0)
        self.assertTrue(all(figure["ours"] > 0 for figure in suite["figures"]
                            if figure["verdict"] != "skipped"))

    def test_classes_roles_and_gates_of_rows_go_together(self):
        with open(FOLDERS / "silicon/rows.csv") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual(len(rows), 420)
        for row in rows:
            self.assertIn(row["class"], ("A", "B", "C"))
            self.assertEqual(row["gate"] == "yes", row["role"] == "test", row)
            self.assertEqual(row["class"] == "C", row["role"] == "report", row)
            self.assertTrue(row["source"])


def is_npu(path):
    """Whether a chip file, or the one it extends, describes an NPU alone."""
    lines = path.read_text().splitlines()
    parents = [line.split(": ")[1] for line in lines if line.startswith("extends: ")]
    return "family: npu" in lines or any(is_npu(path.parent / f"{name}.yaml") for name in parents)


class Chips(CommandTest):
    def test_every_npu_loads_says_what_it_rests_on_and_runs(self):
        for path in sorted((ROOT / "configs/chips").glob("*.yaml")):
            if not is_npu(path):
                continue
            with self.subTest(path.stem):
                self.assertLessEqual(path.read_text().count("fitted:"), 1,
                                     "a chip may fit one figure")
                network = "alexnet_convolutions" if path.stem == "eyeriss_v1" else "mobilenet_v2"
                self.run_it("show", "chip", path.stem, "--resolved")
                record = self.json_of("run", "--chip", path.stem, "--workload", network,
                                      "--memory-timing", "stream")
                self.assertGreaterEqual(record["latency_ns"], record["bound_ns"])
                self.assertGreater(record["energy_pj"], 0)


if __name__ == "__main__":
    unittest.main()
