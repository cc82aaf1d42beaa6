"""Chips with units in their memory: what goes there, what it costs, and what is told of mistakes."""

import unittest

from command import ROOT, CommandTest

DECODE = ("--workload", "llama2_7b", "--phase", "decode")


class Units(CommandTest):
    def lines(self, *words):
        record = self.json_of("run", *words)
        times = {}
        for memory in record["memories"]:
            times.update(memory.get("pim_time_ns", {}))
        return record, times

    def test_attention_works_on_a_cache_that_is_laid_out_each_step(self):
        record, times = self.lines("--chip", "npu_gddr6_aim", *DECODE, "--context", "2048")
        places = {layer["operator"]: layer["engine"].split(".")[0] for layer in record["layers"]}
        self.assertEqual(places["perfwatt.AttentionScores"], "pim")
        self.assertEqual(places["perfwatt.AttentionValues"], "pim")
        self.assertGreater(times["cache layout"], 0)
        self.assertLess(times["cache layout"], 0.1 * times["compute"])

    def test_weights_are_laid_out_once_and_it_is_told(self):
        record, times = self.lines("--chip", "hbm_pim_stack", "--workload", "gemv_4096x4096")
        self.assertEqual(times["cache layout"], 0)
        self.assertTrue(any(note.startswith("layout: 33554432 bytes of weights")
                            for note in record["notes"]))

    def test_large_tensors_are_added_where_they_lie(self):
        host, _ = self.lines("--chip", "hbm_host_u280_pim", "--workload", "add_4m", "--place",
                             "host")
        units, times = self.lines("--chip", "hbm_host_u280_pim", "--workload", "add_4m")
        self.assertEqual(units["layers"][0]["engine"], "pim.pim")
        self.assertGreater(times["compute"], 0)
        self.assertLess(2 * units["latency_ns"], host["latency_ns"])

    def test_host_and_units_share_a_product_where_both_can_work(self):
        blocked, _ = self.lines("--chip", "npu_gddr6_aim", *DECODE, "--batch", "4", "--context",
                                "512")
        both, _ = self.lines("--chip", "npu_gddr6_aim_dual", *DECODE, "--batch", "4", "--context",
                             "512")
        self.assertFalse(any("[0:" in layer["name"] for layer in blocked["layers"]))
        self.assertTrue(any("[0:" in layer["name"] for layer in both["layers"]))
        self.assertLess(both["latency_ns"], blocked["latency_ns"])
        self.assertEqual(both["macs"], blocked["macs"])
        told = self.run_it("explain", "--chip", "npu_gddr6_aim_dual", "--workload",
                           "gemv_8192x8192").out
        self.assertIn("split: MatMul 'gemm': ", told)

    def test_shares_are_replayed(self):
        words = ("run", "--chip", "npu_gddr6_aim_dual", "--workload", "gemv_8192x8192")
        self.run_it(*words, "--dump-mapping", "m.yaml")
        again = self.json_of(*words, "--mapping", "m.yaml")
        self.assertEqual(again["latency_ns"], self.json_of(*words)["latency_ns"])


class Copies(CommandTest):
    def test_the_mi100_with_hbm_pim_has_the_gpu_of_the_mi100(self):
        def values(chip, under):
            found = {}
            for line in self.run_it("show", "chip", chip, "--resolved").out.splitlines():
                key, _, rest = line.partition(" = ")
                if key.startswith(under):
                    found[key[len(under):].strip()] = rest.split("#")[0].strip()
            return found
        plain = values("mi100", "gpu.")
        self.assertGreater(len(plain), 40)
        self.assertEqual(values("mi100_hbm_pim", "engines.gpu.gpu."), plain,
                         "mi100_hbm_pim.yaml repeats what mi100.yaml says: change both")


class Mistakes(CommandTest):
    def chip(self, *pim):
        self.write("units.yaml", "schema: perfwatt/memory/v1\nextends: hbm_pim_2000\n"
                   "description: units that cannot be\npim:\n" + "".join(f"  {p}\n" for p in pim))
        text = (ROOT / "configs" / "chips" / "hbm_pim_stack.yaml").read_text()
        self.write("chip.yaml", text.replace("hbm_pim_2000", "./units.yaml"))
        return ("run", "--chip", "./chip.yaml", "--workload", "gemv_4096x4096")

    def test_units_over_banks_that_do_not_exist(self):
        said = self.mistake(*self.chip("units: 16"))
        self.assertIn("units.yaml:5:10: error: 16 units over 2 banks each take 32 banks, a rank "
                      "has 16", said)

    def test_a_program_beyond_the_registers(self):
        said = self.mistake(*self.chip("program: 4"))
        self.assertIn("'gemv' takes 6 instructions, the units hold 4", said)
        self.assertIn("hint: give the chip an engine beside the units", said)

    def test_row_buffers_need_units_with_commands_of_their_own(self):
        self.assertIn("units with a row buffer of their own need style 'tree'",
                      self.mistake(*self.chip("row_buffers: 2")))

    def test_a_matrix_beyond_the_banks(self):
        self.write("large.yaml", """schema: perfwatt/workload/v1
description: a matrix of 128 GiB
estimated: by definition
macs: 68719476736
parameters: 68719476736
input: {shape: [1, 262144]}
layers:
  - {name: gemm, linear: {features: 262144, bias: false}}
""")
        said = self.mistake("run", "--chip", "hbm_pim_stack", "--workload", "./large.yaml")
        self.assertIn("its data take 131088 rows of each bank from row 0, the banks have 8192 "
                      "for data", said)


if __name__ == "__main__":
    unittest.main()
