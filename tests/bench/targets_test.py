"""CPU time and memory of whole runs, against what they must not exceed."""

import json
import os
import pathlib
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("PERFWATT", str(ROOT / "build" / "release" / "perfwatt"))


def measured(*words):
    """CPU seconds and peak MB of a run with what it starts, and its record."""
    with tempfile.TemporaryDirectory() as folder:
        answer = os.path.join(folder, "answer.json")
        command = [PROGRAM, "run", *words, "--format", "json", "--out", answer]
        pid = os.posix_spawn(PROGRAM, command, os.environ)
        _, status, usage = os.wait4(pid, 0)
        assert os.waitstatus_to_exitcode(status) == 0, command
        record = json.loads(pathlib.Path(answer).read_text())
    seconds, megabytes = usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1000
    print(f"{' '.join(words)}: {seconds:.2f} s, {megabytes:.0f} MB, "
          f"{record['latency_ns'] / 1e6:.4g} ms simulated")
    return seconds, megabytes, record


class Targets(unittest.TestCase):
    def test_resnet50_on_warboy(self):
        seconds, megabytes, _ = measured("--chip", "warboy", "--workload", "resnet50",
                                         "--memory-timing", "exact")
        self.assertLessEqual(seconds, 1)
        self.assertLessEqual(megabytes, 200)

    def test_llama_decode_step_with_layers_folded(self):
        words = ("--chip", "warboy", "--workload", "llama2_7b", "--phase", "decode",
                 "--context", "1024")
        seconds, _, folded = measured(*words, "--fold-layers", "on")
        self.assertLessEqual(seconds, 5)
        _, _, whole = measured(*words, "--fold-layers", "off")
        for key in ("macs", "executed_macs"):
            self.assertEqual(folded[key], whole[key])
        ratio = folded["latency_ns"] / whole["latency_ns"]
        print(f"folded / not folded: latency {ratio:.6f}, "
              f"energy {folded['energy_pj'] / whole['energy_pj']:.6f}")
        self.assertAlmostEqual(ratio, 1, delta=0.01)


if __name__ == "__main__":
    unittest.main()
