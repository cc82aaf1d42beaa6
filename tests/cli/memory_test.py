"""perfwatt memory: the record, the command log, and traces that are wrong."""

import csv
import io
import random
import unittest

from command import ROOT, CommandTest

RECORD = ["cycles", "time_ns", "bandwidth_bytes_per_s", "bandwidth_fraction",
          "mean_read_latency_ns", "row_hit_rate", "commands", "energy_pj", "energy_breakdown_pj"]
LOG = "time_ps,tick,command,channel,pseudo_channel,rank,bank_group,bank,row,column"
THREE = "0,0x0,R\n10,0x40,R\n20,0x80,W\n"


class Replay(CommandTest):
    def replay(self, trace, *more, memory="ddr4_3200"):
        path = self.write("trace.csv", trace)
        return self.json_of("memory", "--memory", memory, "--trace", path, *more)

    def log(self):
        text = (self.folder / "log.csv").read_text()
        self.assertEqual(text.splitlines()[0], LOG)
        return list(csv.DictReader(io.StringIO(text)))

    def test_record_has_the_documented_keys_in_order(self):
        record = self.replay(THREE)
        self.assertEqual(list(record), RECORD)

    def test_energies_sum_to_the_whole(self):
        record = self.replay(THREE)
        self.assertAlmostEqual(record["energy_pj"], sum(record["energy_breakdown_pj"].values()),
                               delta=1e-6 * record["energy_pj"])

    def test_a_read_takes_trcd_the_read_latency_and_the_burst(self):
        # Accepted at tick 0, activated at 1: 22 + 22 + 4 clocks of 0.625 ns later it is there.
        record = self.replay("0,0,R\n")
        self.assertEqual(record["cycles"], 1 + 22 + 22 + 4)
        self.assertEqual(record["mean_read_latency_ns"], 49 * 0.625)
        self.assertEqual(record["commands"], {"ACT": 1, "RD": 1})

    def test_log_holds_each_command_with_its_time(self):
        record = self.replay(THREE, "--commands", "log.csv")
        rows = self.log()
        for row in rows:
            self.assertEqual(int(row["time_ps"]), int(row["tick"]) * 625)
        for command, count in record["commands"].items():
            self.assertEqual(sum(row["command"] == command for row in rows), count)
        self.assertEqual(len(rows), sum(record["commands"].values()))

    def test_traces_are_written_as_others_read_them(self):
        plain = self.replay(THREE)
        record = self.replay(THREE, "--ramulator-trace", "r.trace", "--dramsys-trace", "d.stl")
        self.assertEqual(record, plain)
        self.assertEqual((self.folder / "r.trace").read_text(), "LD 0x0\nLD 0x40\nST 0x80\n")
        self.assertEqual((self.folder / "d.stl").read_text(),
                         "0:\tread\t0x0\n10:\tread\t0x40\n20:\twrite\t0x80\n")

    def test_a_trace_that_is_wrong_is_not_written_again(self):
        self.write("bad.csv", "0,0x0,R\nwhat\n")
        self.mistake("memory", "--memory", "ddr4_3200", "--trace", "bad.csv",
                     "--dramsys-trace", "d.stl")
        self.assertFalse((self.folder / "d.stl").exists())
        self.mistake("memory", "--memory", "ddr4_3200", "--trace", "bad.csv",
                     "--ramulator-trace", "bad.csv")

    def test_short_trace_ends_before_the_first_refresh(self):
        for memory in self.run_it("list", "memories").out.split():
            if not (ROOT / f"tests/dram_checker/rules/{memory}.rules").exists():
                continue
            for trace in (THREE, "0,0,W\n", "0,0,W\n0,0x100000,R\n1,0,W\n"):
                record = self.replay(trace, "--commands", "log.csv", memory=memory)
                names = {row["command"] for row in self.log()}
                self.assertFalse({name for name in names if name.startswith("REF")},
                                 f"{memory}: {names}")
                self.assertNotIn("REFAB", record["commands"])

    def test_refreshes_have_one_name_in_log_and_record(self):
        record = self.replay("0,0,R\n100000,0,R\n", "--commands", "log.csv")
        refreshes = [row for row in self.log() if row["command"] == "REFAB"]
        self.assertEqual(record["commands"]["REFAB"], len(refreshes))
        # One in 7.8 us: 12480 clocks.
        self.assertAlmostEqual(len(refreshes), 100000 // 12480, delta=1)

    def test_wider_window_is_faster(self):
        trace = "".join(f"0,{i * 64},R\n" for i in range(1000))
        narrow, wide = (self.replay(trace, "--window", n)["cycles"] for n in (1, 32))
        self.assertGreater(narrow, 4 * wide)

    def test_mapping_decides_which_bank_is_next(self):
        trace = "".join(f"0,{i * 64},R\n" for i in range(256))
        rows_last = "column|bank_group|bank|row"
        self.assertEqual(
            self.replay(trace, "--address-mapping", "row|bank|bank_group|column")["commands"]
            ["ACT"], 2)
        self.assertEqual(
            self.replay(trace, "--address-mapping", rows_last)["commands"]["ACT"], 256)

    def test_every_format(self):
        path = self.write("trace.csv", THREE)
        base = ("memory", "--memory", "ddr4_3200", "--trace", path)
        for form, head in (("table", "figure "), ("csv", "figure,value"), ("md", "| figure")):
            self.assertTrue(self.run_it(*base, "--format", form).out.startswith(head))


class Mistakes(CommandTest):
    def refused(self, *more, trace=THREE):
        """The message; nothing may be left behind."""
        self.write("trace.csv", trace)
        before = self.files()
        error = self.mistake("memory", "--memory", "ddr4_3200", "--trace", "trace.csv",
                             "--commands", "log.csv", "--out", "answer.json", *more)
        self.assertEqual(self.files(), before, "something was left behind")
        return error

    def test_malformed_lines_are_named(self):
        good = "0,0,R\n" * 5000
        for line, what in (("7", "malformed trace line"), ("7,0", "malformed trace line"),
                           ("x,0,R", "the cycle is not a whole number"),
                           ("-1,0,R", "the cycle is not a whole number"),
                           ("7,0x,R", "the address is not a number"),
                           ("7,-64,R", "the address is not a number"),
                           ("7,0,Q", "neither R nor W"), ("7,0,R,1", "neither R nor W"),
                           ("99999999999999999999,0,R", "the cycle"),
                           ("9" * 5000, "4095 characters or more")):
            error = self.refused(trace=f"{good}{line}\n0,0,R\n")
            self.assertRegex(error, rf"trace\.csv:5001:\d+: error: .*({what})")

    def test_address_beyond_the_capacity(self):
        last = 8 * 2**30 - 64
        error = self.refused(trace=f"0,{last},R\n0,{last + 64},R\n")
        self.assertIn("trace.csv:2:3: error: address 0x200000000 is beyond", error)

    def test_time_going_backwards(self):
        error = self.refused(trace="10,0,R\n\n# later\n9,0,R\n")
        self.assertIn("trace.csv:4:1: error: cycle 9 comes after cycle 10", error)

    def test_no_requests(self):
        for trace in ("", "\n\n", "# nothing\n"):
            self.assertIn("there is no request in the trace", self.refused(trace=trace))

    def test_binary_junk(self):
        source = random.Random(5)
        for size in (1, 100, 5000, 100_000):
            error = self.refused(trace=source.randbytes(size))
            self.assertTrue(all(c == "\n" or " " <= c <= "~" for c in error), error)

    def test_missing_file_and_folder(self):
        self.assertIn("there is no trace 'none.csv'",
                      self.mistake("memory", "--memory", "ddr4_3200", "--trace", "none.csv"))
        (self.folder / "folder").mkdir()
        self.assertIn("the trace 'folder' cannot be read",
                      self.mistake("memory", "--memory", "ddr4_3200", "--trace", "folder"))

    def test_memory_that_is_no_dram(self):
        path = self.write("trace.csv", THREE)
        error = self.mistake("memory", "--memory", "warboy_sram", "--trace", path)
        self.assertIn("memory 'warboy_sram' is an SRAM", error)
        self.assertEqual(error.count("error: "), 1)

    def test_options(self):
        for bad in ("0", "-1", "x", "1.5", ""):
            self.assertIn("--window", self.refused("--window", bad))
        self.assertIn("column", self.refused("--address-mapping", "row|bank"))
        self.refused("--address-mapping", "")
        self.refused("--set", "timing.tRCD=1 GB")

    def test_answers_do_not_overwrite_the_trace_or_each_other(self):
        path = self.write("trace.csv", THREE)
        base = ("memory", "--memory", "ddr4_3200", "--trace", path)
        self.assertIn("are the same file", self.mistake(*base, "--commands", "./trace.csv"))
        self.assertIn("are the same file", self.mistake(*base, "--out", "trace.csv"))
        self.assertIn("are the same file",
                      self.mistake(*base, "--out", "a.csv", "--commands", "a.csv"))
        self.assertEqual(path.read_text(), THREE)


if __name__ == "__main__":
    unittest.main()
