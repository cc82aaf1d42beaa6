#!/usr/bin/env python3
"""Times matrix products, attention, norms and copies of the GPU at hand with PyTorch.

Writes the CSV that `perfwatt validate --measured FILE` reads. Each kernel is timed in a CUDA graph
(or, with --eager, launch by launch), with its operands in the cache (warm) and, by several sets of
weights in turn, not (cold). About ten minutes; --quick takes one.

    scripts/measure_gpu.py --chip h200_sxm --out h200.csv
    scripts/measure_gpu.py --dry-run --out rows.csv     # no GPU, no PyTorch: the rows, made-up times
"""
import argparse
import csv
import itertools
import random
import statistics
import sys

COLUMNS = ["chip", "harness", "operator", "run_time", "cache_state", "first", "second", "groups",
           "m", "n", "k", "phase", "query", "cache", "batch", "tokens", "context", "heads",
           "cache_heads", "head_dim", "type", "rows", "columns", "latency_us", "source"]
COLD_BYTES = 1 << 30  # operands of all sets together: more than any cache


def products(quick):
    """Shapes m x n x k: decoding, prompts and squares, ragged ones among them."""
    sizes = [(m, n, k) for m in (1, 4, 16, 64, 128, 256, 512, 1024, 2048, 4096, 8192)
             for n, k in ((4096, 4096), (11008, 4096), (4096, 11008), (1024, 8192), (768, 3072),
                          (5120, 1280), (12288, 12288))]
    sizes += [(m, m, m) for m in (128, 256, 512, 1000, 1024, 2048, 3000, 4096, 8192)]
    return sizes[::9] if quick else sizes


def attentions(quick):
    """(phase, batch, tokens, context, heads, cache heads, head dimension)."""
    decode = [("decode", b, 1, c, h, kv, 128) for b in (1, 8, 64) for c in (128, 1024, 8192)
              for h, kv in ((32, 32), (32, 8), (64, 8))]
    prefill = [("prefill", b, t, 0, h, kv, 128) for b, t in
               ((1, 128), (8, 128), (1, 512), (8, 512), (1, 2048), (4, 2048), (1, 8192))
               for h, kv in ((32, 32), (32, 8))]
    rows = decode + prefill
    return rows[::7] if quick else rows


def vectors(quick):
    """(operator, rows, columns)."""
    rows = [(op, r, c) for op in ("softmax", "norm", "add", "gelu", "copy")
            for r, c in itertools.product((64, 1024, 4096, 16384), (1024, 4096, 8192))]
    return rows[::8] if quick else rows


class MadeUp:
    """Stands in for a GPU in a dry run: times from sizes and a fixed seed, the same each time."""

    name = "dry run"

    def __init__(self):
        self.random = random.Random(1)

    def time(self, operations, moved_bytes, *_):
        us = 3 + max(operations / 200e6, moved_bytes / 1.5e6)
        return us * self.random.uniform(0.95, 1.05)

    def product(self, m, n, k, cache, kind):
        return self.time(2 * m * n * k, 2 * (m * k + n * k + m * n), cache, kind)

    def attention(self, phase, batch, tokens, context, heads, cache_heads, dim, cache):
        keys = tokens + context
        return self.time(4 * batch * heads * tokens * keys * dim,
                         4 * batch * cache_heads * keys * dim, phase, cache)

    def vector(self, operator, rows, columns, cache):
        return self.time(0, 4 * rows * columns, operator, cache)


class Torch:
    """The GPU that PyTorch finds."""

    def __init__(self, eager, repeats):
        try:
            import torch  # not needed for a dry run
        except ImportError:
            sys.exit("PyTorch is not installed; --dry-run works without it")
        if not torch.cuda.is_available():
            sys.exit("PyTorch finds no GPU; --dry-run works without one")
        self.torch = torch
        self.eager = eager
        self.repeats = repeats
        self.name = torch.cuda.get_device_name(0)

    def time(self, make, set_bytes, cache):
        """Median microseconds of one call. make() gives a call on operands of its own."""
        torch = self.torch
        sets = 1 if cache == "warm" else max(2, min(64, COLD_BYTES // max(1, set_bytes)))
        calls = [make() for _ in range(sets)]
        stream = torch.cuda.Stream()
        with torch.cuda.stream(stream):
            for call in calls:
                call()
        torch.cuda.synchronize()
        turns = max(1, 20 // sets)

        def run():
            for _ in range(turns):
                for call in calls:
                    call()

        if not self.eager:
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                run()
            run = graph.replay
        run()
        times = []
        for _ in range(self.repeats):
            begin = torch.cuda.Event(enable_timing=True)
            end = torch.cuda.Event(enable_timing=True)
            begin.record()
            run()
            end.record()
            torch.cuda.synchronize()
            times.append(begin.elapsed_time(end) * 1e3 / (turns * sets))
        return statistics.median(times)

    def product(self, m, n, k, cache, kind):
        torch = self.torch
        kinds = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}
        options = {"device": "cuda", "dtype": kinds[kind]}

        def make():
            a, b = torch.randn(m, k, **options), torch.randn(n, k, **options)
            out = torch.empty(m, n, **options)
            return lambda: torch.matmul(a, b.t(), out=out)

        return self.time(make, a_set(m, n, k, 4 if kind == "fp32" else 2), cache)

    def attention(self, phase, batch, tokens, context, heads, cache_heads, dim, cache):
        torch = self.torch
        functional = torch.nn.functional
        options = {"device": "cuda", "dtype": torch.bfloat16}

        def make():
            query = torch.randn(batch, heads, tokens, dim, **options)
            keys = torch.randn(batch, cache_heads, tokens + context, dim, **options)
            values = torch.randn_like(keys)
            if cache_heads != heads:
                try:
                    functional.scaled_dot_product_attention(query, keys, values, enable_gqa=True)
                except TypeError as error:
                    raise RuntimeError("this PyTorch has no grouped attention") from error
                return lambda: functional.scaled_dot_product_attention(
                    query, keys, values, is_causal=phase == "prefill", enable_gqa=True)
            return lambda: functional.scaled_dot_product_attention(
                query, keys, values, is_causal=phase == "prefill")

        size = 4 * batch * cache_heads * (tokens + context) * dim
        return self.time(make, size, cache)

    def vector(self, operator, rows, columns, cache):
        torch = self.torch
        functional = torch.nn.functional

        def make():
            x = torch.randn(rows, columns, device="cuda", dtype=torch.float16)
            out = torch.empty_like(x)
            return {
                "softmax": lambda: torch.softmax(x, -1),
                "norm": lambda: functional.layer_norm(x, (columns,)),
                "add": lambda: torch.add(x, out, out=out),
                "gelu": lambda: functional.gelu(x),
                "copy": lambda: out.copy_(x),
            }[operator]

        return self.time(make, 4 * rows * columns, cache)


def a_set(m, n, k, size):
    return size * (m * k + n * k + m * n)


def measure(gpu, arguments, write):
    """Calls write(row) for each kernel; one that fails is told and left out."""
    run_time = "eager" if arguments.eager else "cuda_graph"
    common = {"chip": arguments.chip, "run_time": run_time,
              "harness": f"PyTorch {run_time}", "source": f"scripts/measure_gpu.py on {gpu.name}"}
    work = []
    for state in ("warm", "cold"):
        for kind in arguments.types.split(","):
            for m, n, k in products(arguments.quick):
                work.append((lambda m=m, n=n, k=k, s=state, t=kind: gpu.product(m, n, k, s, t),
                             {"operator": "gemm", "cache_state": state, "first": kind,
                              "second": kind, "groups": 1, "m": m, "n": n, "k": k}))
        for shape in attentions(arguments.quick):
            names = ("phase", "batch", "tokens", "context", "heads", "cache_heads", "head_dim")
            work.append((lambda x=shape, s=state: gpu.attention(*x, s),
                         {"operator": "attention", "cache_state": state, "query": "bf16",
                          "cache": "bf16", **dict(zip(names, shape))}))
        for operator, rows, columns in vectors(arguments.quick):
            work.append((lambda o=operator, r=rows, c=columns, s=state: gpu.vector(o, r, c, s),
                         {"operator": operator, "cache_state": state, "type": "fp16",
                          "rows": rows, "columns": columns}))
    for done, (call, row) in enumerate(work):
        print(f"\r{done + 1} of {len(work)} ", end="", file=sys.stderr)
        try:
            us = call()
        except RuntimeError as error:  # out of memory, a kernel that this device lacks
            print(f"left out, {row}: {str(error).splitlines()[0]}", file=sys.stderr)
            continue
        write({**common, **row, "latency_us": f"{us:.4g}"})
    print(file=sys.stderr)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--chip", default="a100_sxm_80", help="chip to compare with (%(default)s)")
    parser.add_argument("--out", required=True, help="CSV to write")
    parser.add_argument("--types", default="bf16", help="of products: bf16,fp16,fp32 (%(default)s)")
    parser.add_argument("--eager", action="store_true", help="launch by launch, no CUDA graphs")
    parser.add_argument("--quick", action="store_true", help="a tenth of the kernels")
    parser.add_argument("--repeats", type=int, default=9, help="of which the median counts")
    parser.add_argument("--dry-run", action="store_true", help="no GPU: made-up times")
    arguments = parser.parse_args()
    unknown = set(arguments.types.split(",")) - {"bf16", "fp16", "fp32"}
    if unknown:
        parser.error(f"no types {', '.join(sorted(unknown))}: bf16, fp16 or fp32")
    gpu = MadeUp() if arguments.dry_run else Torch(arguments.eager, arguments.repeats)
    with open(arguments.out, "w", newline="", encoding="utf-8") as file:
        rows = csv.DictWriter(file, COLUMNS, lineterminator="\n", restval="")
        rows.writeheader()
        measure(gpu, arguments, rows.writerow)


if __name__ == "__main__":
    main()
