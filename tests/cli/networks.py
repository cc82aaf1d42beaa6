"""Networks small enough to simulate in no time."""

SMALL = """schema: perfwatt/workload/v1
description: two convolutions
input: {shape: [16, 16, 16]}
layers:
  - {name: first, conv: {filters: 32, kernel: 3, padding: 1}}
  - {activation: relu}
  - {name: second, conv: {filters: 64, kernel: 1}}
  - {activation: relu}
"""
SMALL_MACS = 16 * 16 * (32 * 16 * 9 + 64 * 32)
