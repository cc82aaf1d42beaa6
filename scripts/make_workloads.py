#!/usr/bin/env python3
"""Writes the networks of workloads/ that are made from the definitions in scripts/networks.

    scripts/make_workloads.py [NAME...] [--output workloads]     all of them, or those named
    scripts/make_workloads.py --check                            exit code 1 where a file differs
    scripts/make_workloads.py --list                             with their sizes

A file states multiply-accumulates and parameters as counted here, from the definition; the
simulator's tests compare them with the graph that it builds, and both with published figures.
"""
import argparse
import pathlib
import sys

from networks import diffusion, language, layers, vision, yolo

ROOT = pathlib.Path(__file__).resolve().parent.parent


def all_networks():
    found = {}
    for family in (yolo, vision, diffusion, language):
        for network in family.all_networks():
            assert network["name"] not in found, network["name"]
            found[network["name"]] = network
    return found


def count(network):
    if "transformer" in network:
        return language.count(network["transformer"])
    return layers.Count().run(network)


def text_of(network):
    if "transformer" not in network:
        return layers.text_of(network)
    lines = layers.heading(network, *count(network)) + ["transformer:"]
    lines += [f"  {key}: {layers.flow(value)}" for key, value in network["transformer"].items()]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="*", help="names of --list")
    parser.add_argument("--output", type=pathlib.Path, default=ROOT / "workloads")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--list", action="store_true")
    arguments = parser.parse_args()
    known = all_networks()
    unknown = [name for name in arguments.networks if name not in known]
    if unknown:
        parser.error(f"unknown networks: {', '.join(unknown)}")
    wrong = 0
    for name in arguments.networks or known:
        if arguments.list:
            macs, parameters = count(known[name])
            print(f"{name:40} {macs / 1e9:12.3f} GMAC {parameters / 1e6:12.3f} M")
            continue
        path, text = arguments.output / f"{name}.yaml", text_of(known[name])
        if not arguments.check:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            print(f"{path}: differs from its definition", file=sys.stderr)
            wrong += 1
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
