#!/usr/bin/env bash
# From a fresh machine to a comparison of NPUs, GPUs, a CPU and processing in memory: installs what is
# missing, builds, simulates real networks, prints performance per watt and writes a page.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

scripts/setup.sh
cmake --preset release
cmake --build build/release --target perfwatt

perfwatt=build/release/perfwatt
mkdir -p out/demo
"$perfwatt" compare \
    --chip edge_tpu --chip warboy --chip tesla_fsd --chip jetson_agx_orin --chip t4 \
    --chip tesla_fsd_cpu --workload resnet50 --workload mobilenet_v2 --workload bert_base \
    --memory-timing stream

echo
echo "One token of Llama-2 7B on a phone: its NPU alone, and with units in the banks of its memory."
"$perfwatt" compare --chip phone_lpddr5x --chip phone_lpddr5x_pim \
    --workload llama2_7b --phase decode --context 1024 --precision int8

"$perfwatt" sweep configs/sweeps/demo.yaml --store out/demo/demo.db
"$perfwatt" report out/demo/demo.db --html out/demo/report.html --pareto latency_ns,energy_pj
echo
echo "The same with charts: $PWD/out/demo/report.html"
