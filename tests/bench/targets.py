#!/usr/bin/env python3
"""CPU time and peak memory of whole runs beside their targets. A measurement, not a test: machines
differ, so that it always ends well. `python3 tests/bench/targets.py`, after a release build."""

import json
import os
import pathlib
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("PERFWATT", str(ROOT / "build" / "release" / "perfwatt"))

LLAMA = ("--chip", "warboy", "--workload", "llama2_7b", "--phase", "decode", "--context", "1024")
STREAM = ("--memory-timing", "stream")
RUNS = (  # words, seconds, MB
    (("--chip", "warboy", "--workload", "resnet50", "--memory-timing", "exact"), 0.5, 200),
    (("--chip", "warboy", "--workload", "resnet50", *STREAM), 0.1, 200),
    (("--chip", "warboy", "--workload", "bert_large", *STREAM), 1, 200),
    ((*LLAMA, *STREAM), 1, 200),
    (("--chip", "warboy", "--workload", "stable_diffusion_1_5_unet", *STREAM), 2, 200),
    (("--chip", "rngd", "--workload", "bert_large", "--scenario", "offline", *STREAM), None, 200),
    ((*LLAMA, "--fold-layers", "on"), 2, 200),
    ((*LLAMA, "--fold-layers", "off"), None, None),
)


def measured(words):
    """CPU seconds and peak MB of a run with what it starts, and its record."""
    with tempfile.TemporaryDirectory() as folder:
        answer = os.path.join(folder, "answer.json")
        command = [PROGRAM, "run", *words, "--format", "json", "--out", answer]
        pid = os.posix_spawn(PROGRAM, command, os.environ)
        _, status, usage = os.wait4(pid, 0)
        if os.waitstatus_to_exitcode(status) != 0:
            raise SystemExit(f"failed: {' '.join(command)}")
        record = json.loads(pathlib.Path(answer).read_text())
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1000, record


def beside(figure, target, unit):
    return f"{figure:.2f} {unit}" + (f" (target {target})" if target else "")


def main():
    records = []
    for words, seconds_target, memory_target in RUNS:
        seconds, megabytes, record = measured(words)
        records.append(record)
        print(f"{' '.join(words)}: {beside(seconds, seconds_target, 's')}, "
              f"{beside(megabytes, memory_target, 'MB')}, "
              f"{record['latency_ns'] / 1e6:.4g} ms simulated")
    folded, whole = records[-2:]
    print(f"folded / not folded: latency {folded['latency_ns'] / whole['latency_ns']:.6f}, "
          f"energy {folded['energy_pj'] / whole['energy_pj']:.6f}")


if __name__ == "__main__":
    main()
