"""A sweep of a whole network in both timings of memory: stream has to rank designs as exact does."""

import csv
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
from command import CommandTest  # noqa: E402

SWEEP = """schema: perfwatt/sweep/v1
chips: [generic_edge_npu]
workloads: [mobilenet_v2]
memory_timing: {timing}
set:
  memories.lpddr4x.capacity: 512 MiB
grid:
  memories.lpddr4x.standard: [lpddr4_3200, lpddr4x_4266, lpddr5_6400, ddr4_3200, hbm2_2000]
  memories.lpddr4x.channels: [1, 2]
  npu.matrix.rows: [16, 32, 64, 96, 128]
  npu.scratchpad.bytes: [512 KiB, 2 MiB]
  npu.clock: [500 MHz, 1 GHz]
"""


def kendall_tau(first, second):
    """Pairs in the same order less pairs in the other, as part of those that are ordered."""
    same = other = 0
    for i, _ in enumerate(first):
        for j in range(i):
            product = (first[i] - first[j]) * (second[i] - second[j])
            same += product > 0
            other += product < 0
    return (same - other) / (same + other)


def front(points):
    """Keys of the points that no other beats in both latency and energy."""
    return {key for key, mine in points.items()
            if not any(their != mine and all(t <= m for t, m in zip(their, mine))
                       for their in points.values())}


class StreamAgainstExact(CommandTest):
    def points_of(self, timing):
        self.write(f"{timing}.yaml", SWEEP.format(timing=timing))
        self.run_it("sweep", f"{timing}.yaml", "--store", f"{timing}.db", timeout=900)
        self.run_it("report", f"{timing}.db", "--csv", f"{timing}.csv")
        points = {}
        with open(self.folder / f"{timing}.csv", encoding="utf-8", newline="") as lines:
            for row in csv.DictReader(lines):
                self.assertEqual(row["status"], "ok")
                self.assertEqual(row["memory_timing"], timing)
                key = tuple(value for name, value in row.items()
                            if name.startswith(("memories.lpddr4x.", "npu.")))
                points[key] = (float(row["latency_ns"]), float(row["energy_pj"]))
        self.assertEqual(len(points), 200)
        return points

    def test_ranks_designs_alike_and_keeps_the_front(self):
        exact = self.points_of("exact")
        stream = self.points_of("stream")
        self.assertEqual(set(exact), set(stream))
        keys = sorted(exact)
        for figure, name in enumerate(("latency", "energy")):
            tau = kendall_tau([exact[k][figure] for k in keys], [stream[k][figure] for k in keys])
            self.assertGreaterEqual(tau, 0.95, name)
        # Every design worth having is still there; stream may think more of a few others.
        self.assertLessEqual(front(exact), front(stream))
        worst = max(abs(stream[k][0] / exact[k][0] - 1) for k in keys)
        self.assertLess(worst, 0.02)


if __name__ == "__main__":
    unittest.main()
