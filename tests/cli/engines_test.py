"""Chips of several engines and systems of several chips: where kernels go, and what is said of it."""

import unittest

from command import ROOT, CommandTest

LLM = ("--workload", "llama2_7b", "--phase", "decode", "--memory-timing", "stream")


def twins():
    """Two NPUs on one memory, of which the second has but a few cells."""
    text = (ROOT / "configs" / "chips" / "generic_edge_npu.yaml").read_text()
    head, npu = text.split("npu:\n  estimated", 1)
    npu = "npu:\n  estimated" + npu
    body = "".join(f"    {line}\n" for line in npu.rstrip().split("\n"))
    few = body.replace("rows: 64", "rows: 4").replace("columns: 64", "columns: 4")
    head = head.replace("family: npu\n", "").replace("generic_edge_npu", "twins", 1)
    return (head + "engines:\n  - name: big\n    family: npu\n    launch: 2 us\n" + body +
            "  - name: small\n    family: npu\n    launch: 2 us\n" + few)


class Engines(CommandTest):
    def setUp(self):
        super().setUp()
        self.write("twins.yaml", twins())
        self.base = ("run", "--chip", "./twins.yaml", "--workload", "mobilenet_v2")

    def test_layers_name_their_engine(self):
        record = self.json_of(*self.base)
        engines = {layer["engine"].split(".")[0] for layer in record["layers"]}
        self.assertEqual(engines, {"big"})

    def test_the_record_tells_what_others_would_cost(self):
        record = self.json_of(*self.base)
        self.assertTrue(any(note.startswith("place: Conv ") and " on big: big " in note and
                            "; small " in note for note in record["notes"]))
        self.assertIn("place: Conv ", self.run_it("explain", *self.base[1:]).out)

    def test_one_engine_alone_is_no_faster(self):
        together = self.json_of(*self.base)
        alone = self.json_of("run", "--chip", "generic_edge_npu", "--workload", "mobilenet_v2")
        self.assertLessEqual(together["latency_ns"], 1.02 * alone["latency_ns"])
        self.assertGreater(together["energy_pj"], alone["energy_pj"])  # the other leaks

    def test_mappings_are_replayed_on_their_engines(self):
        self.run_it(*self.base, "--dump-mapping", "m.yaml")
        self.assertIn("engine: big", (self.folder / "m.yaml").read_text())
        again = self.json_of(*self.base, "--mapping", "m.yaml")
        self.assertEqual(again["latency_ns"], self.json_of(*self.base)["latency_ns"])

    def test_keys_of_an_engine_are_set_by_its_name(self):
        slow = self.json_of(*self.base, "--set", "engines.big.npu.clock=500 MHz")
        self.assertGreater(slow["latency_ns"], self.json_of(*self.base)["latency_ns"])
        self.assertIn("it has: big, small",
                      self.mistake(*self.base, "--set", "engines.bigg.launch=1 us"))


class Place(CommandTest):
    def engines(self, *more):
        record = self.json_of("run", "--chip", "phone_lpddr5x_pim", *LLM, *more)
        return {layer["engine"].split(".")[0] for layer in record["layers"]}, record["latency_ns"]

    def test_host_leaves_memory_alone(self):
        auto, fast = self.engines()
        host, slow = self.engines("--place", "host")
        self.assertIn("pim", auto)
        self.assertEqual(host, {"npu"})
        self.assertLess(fast, slow)

    def test_pim_sends_there_what_fits(self):
        engines, _ = self.engines("--place", "pim")
        self.assertIn("pim", engines)


class Systems(CommandTest):
    def system(self, **keys):
        return self.write("many.yaml", f"""schema: perfwatt/system/v1
name: many
chips: [{{chip: generic_edge_npu, count: {keys['count']}}}]
tensor: {keys.get('tensor', 1)}
data: {keys.get('data', 1)}
peers:
  name: cable
  bandwidth: 50 GB/s
  setup: 2 us
  protocols: [{{name: plain, step: 1 us}}]
  energy: {{value: 5 pJ/bit, estimated: a test}}
""")

    def test_chips_that_share_an_inference_are_faster_and_exchange_data(self):
        self.system(count=4, tensor=4)
        words = ("--workload", "bert_base")
        one = self.json_of("run", "--chip", "generic_edge_npu", *words)
        four = self.json_of("run", "--chip", "./many.yaml", *words)
        self.assertEqual(four["chip"], "many")
        self.assertEqual(four["macs"], one["macs"])
        self.assertLess(four["latency_ns"], one["latency_ns"])
        self.assertGreater(four["latency_ns"], one["latency_ns"] / 4)
        reduces = [layer for layer in four["layers"] if layer["operator"] == "AllReduce"]
        self.assertEqual(len(reduces), 2 * 12)  # after attention and after the feed-forward part
        self.assertTrue(all(layer["engine"] == "link" and layer["energy_pj"] > 0
                            for layer in reduces))

    def test_groups_that_share_a_batch_do_as_much_each(self):
        self.system(count=4, data=4)
        words = ("--workload", "mobilenet_v2")
        one = self.json_of("run", "--chip", "generic_edge_npu", *words)
        four = self.json_of("run", "--chip", "./many.yaml", *words, "--batch", "4")
        self.assertAlmostEqual(four["latency_ns"], one["latency_ns"], delta=1)
        self.assertAlmostEqual(four["energy_pj"], 4 * one["energy_pj"],
                               delta=1e-6 * four["energy_pj"])
        self.assertAlmostEqual(four["throughput_per_s"], 4 * one["throughput_per_s"],
                               delta=1e-3)
        self.assertIn("has no 4 equal parts",
                      self.mistake("run", "--chip", "./many.yaml", *words, "--batch", "6"))


if __name__ == "__main__":
    unittest.main()
