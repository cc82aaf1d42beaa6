#!/usr/bin/env python3
"""Fits the constants of one GPU to its rows to calibrate on, and prints them for its YAML.

At most five a GPU, over all operators, types and libraries. The rows are those of
tests/validation/gpu whose hash says "calibrate" (three in ten); the errors on the others are told
beside. Needs the tool: cmake --build build/release --target bench_gpu_fit

    scripts/fit_gpu.py h100_sxm
    scripts/fit_gpu.py h100_sxm_x8     # its links, on collectives
    scripts/fit_gpu.py t4 --groups "fp16 gemm,fp32 gemm" --steps 80
"""
import argparse
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
GROUPS = {
    "a100_sxm_80": "bf16 gemm,llm layer gemm,decode attention,prefill attention,"
                   "norm,add,activation,rope",
    "h100_sxm": "bf16 gemm,decode attention,prefill attention",
    "t4": "fp16 gemm,fp32 gemm,fp32 batched gemm",
    "v100_sxm_16": "fp16 gemm,fp32 gemm",
    "mi100": "fp32 gemm,fp32 batched gemm",
    "a100_sxm_80_x8": "NCCL collectives",
    "h100_sxm_x8": "NCCL collectives",
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("chip", help="name of a chip that has rows")
    parser.add_argument("--groups", help="kinds of kernels, by commas (%(default)s)")
    parser.add_argument("--steps", type=int, default=40,
                        help="of the simplex, twice over (%(default)s; of links, ten times that)")
    parser.add_argument("--tool", type=pathlib.Path,
                        default=ROOT / "build/release/tests/bench/bench_gpu_fit")
    arguments = parser.parse_args()
    groups = arguments.groups or GROUPS.get(arguments.chip)
    if groups is None:
        parser.error(f"no groups are known for {arguments.chip}: give --groups")
    if not arguments.tool.exists():
        parser.error(f"{arguments.tool} is not built: --target bench_gpu_fit")
    if arguments.chip.endswith("_x8"):
        arguments.steps *= 10
    answer = subprocess.run([arguments.tool, arguments.chip, groups, str(arguments.steps)],
                            text=True, stdout=subprocess.PIPE, check=False)
    if answer.returncode != 0:
        sys.exit(answer.returncode)
    on = f'fitted: "{groups} of this chip; three rows in ten of tests/validation/gpu"'
    for line in answer.stdout.splitlines():
        if line.startswith("#"):
            print(line)
            continue
        key, value = line.split(": ")
        if key.endswith(("setup", "step")):
            print(f"  {key}: {{value: {float(value) / 1000:.3g} us, {on}}}")
        elif key.startswith("launch."):
            print(f"  {key}: {{value: {float(value):.0f} ns, {on}}}")
        elif key == "latency_cycles":
            print(f"  {key}: {{value: {float(value):.0f}, {on}}}")
        else:
            print(f"  {key}: {{value: {float(value):.3g}, {on}}}")


if __name__ == "__main__":
    main()
