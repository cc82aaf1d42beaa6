"""Installs this build elsewhere and follows models/README.md, block by block."""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = os.environ.get("PERFWATT_BUILD", str(ROOT / "build" / "release"))
BLOCK = re.compile(r"^```(\w+) ?(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Tutorial(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory()
        cls.prefix = pathlib.Path(cls.scratch.name, "installed")
        cls.work = pathlib.Path(cls.scratch.name, "work")
        cls.work.mkdir()
        subprocess.run(["cmake", "--install", BUILD, "--prefix", str(cls.prefix)], check=True,
                       stdout=subprocess.DEVNULL)
        cls.environment = {**os.environ, "PREFIX": str(cls.prefix), "PERFWATT_SOURCE": str(ROOT),
                           "PATH": f"{cls.prefix / 'bin'}:{os.environ['PATH']}"}
        cls.environment.pop("PERFWATT_CONFIG_PATH", None)

    @classmethod
    def tearDownClass(cls):
        cls.scratch.cleanup()

    def shell(self, commands):
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", commands], cwd=self.work,
                              env=self.environment, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, 0,
                         done.stdout.decode()[-4000:] + done.stderr.decode()[-4000:])
        return done.stdout.decode()

    def test_installed_program_finds_its_configurations(self):
        where = self.shell("command -v perfwatt").strip()
        self.assertEqual(pathlib.Path(where), self.prefix / "bin" / "perfwatt")
        resolved = self.shell("perfwatt show chip warboy --resolved")
        self.assertIn(f"{self.prefix}/share/perfwatt/configs/chips/warboy.yaml", resolved)
        self.assertNotIn(str(ROOT), resolved)

    def test_installed_program_finds_the_figures_it_is_held_against(self):
        figures = self.shell("perfwatt validate dram --format csv || test $? = 1")
        expected = (ROOT / "tests/validation/dram/expected.csv").read_text()
        self.assertEqual(len(figures.splitlines()), len(expected.splitlines()))

    def test_installed_folder_can_move(self):
        moved = pathlib.Path(self.scratch.name, "moved")
        shutil.copytree(self.prefix, moved)
        resolved = self.shell(f"{moved}/bin/perfwatt show chip warboy --resolved")
        self.assertIn(f"{moved}/share/perfwatt", resolved)

    def test_blocks_of_the_tutorial(self):
        text = (ROOT / "models/README.md").read_text()
        answers = ""
        for language, name, body in BLOCK.findall(text):
            if language == "sh":
                answers += self.shell(body)
            else:
                self.assertNotEqual(name, "", body)
                (self.work / name).write_text(body)
        self.assertIn("my_npu", answers)
        self.assertIn("my_row_engine", answers)
        self.assertRegex(answers, r"row_engine\.macs_per_cycle: 1024 -> 2048")

    def test_headers_stand_alone(self):
        headers = sorted(self.prefix.glob("include/perfwatt/**/*.h"))
        self.assertGreater(len(headers), 50)
        wanted = [header for header in headers if "engine" not in header.parts]
        source = "".join(f'#include "{header.relative_to(self.prefix / "include/perfwatt")}"\n'
                         for header in wanted if "onnx" not in header.name)
        (self.work / "all.cpp").write_text(source)
        self.shell(f"c++ -std=c++20 -fsyntax-only -I{self.prefix}/include/perfwatt all.cpp")


if __name__ == "__main__":
    unittest.main()
