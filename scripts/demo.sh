#!/usr/bin/env bash
# From a fresh machine to a comparison of three chips: installs what is missing, builds, simulates
# ResNet-50, MobileNet v2 and BERT base, prints performance per watt and writes a page.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

scripts/setup.sh
cmake --preset release
cmake --build build/release --target perfwatt

perfwatt=build/release/perfwatt
mkdir -p out/demo
"$perfwatt" compare \
    --chip edge_tpu --chip warboy --chip tesla_fsd \
    --workload resnet50 --workload mobilenet_v2 --workload bert_base

"$perfwatt" sweep configs/sweeps/demo.yaml --store out/demo/demo.db
"$perfwatt" report out/demo/demo.db --html out/demo/report.html --pareto latency_ns,energy_pj
echo
echo "The same with charts: $PWD/out/demo/report.html"
