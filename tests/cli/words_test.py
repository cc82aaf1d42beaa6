"""What the command line accepts, and how it says no."""

import unittest

from command import CommandTest

VERBS = ["run", "compare", "explain", "sweep", "merge", "report", "regress", "validate", "memory",
         "list", "show"]


class Help(CommandTest):
    def test_overview_names_every_verb(self):
        text = self.run_it("--help").out
        for verb in VERBS:
            self.assertRegex(text, rf"(?m)^  {verb}\b")

    def test_every_verb_has_help_on_stdout(self):
        for verb in VERBS:
            done = self.run_it(verb, "--help")
            self.assertIn(f"usage: perfwatt {verb}", done.out)
            self.assertEqual(done.err, "")

    def test_version(self):
        self.assertRegex(self.run_it("--version").out, r"^perfwatt \d+\.\d+\.\d+\n$")

    def test_no_words_is_a_mistake_with_the_overview_on_stderr(self):
        done = self.run_it(code=2)
        self.assertEqual(done.out, "")
        self.assertIn("usage: perfwatt VERB", done.err)


class Mistakes(CommandTest):
    def test_unknown_verb(self):
        self.assertEqual(self.mistake("rnu"),
                         "error: there is no verb 'rnu'\n  hint: did you mean 'run'?\n")

    def test_unknown_option(self):
        self.assertEqual(self.mistake("run", "--chpi", "warboy"),
                         "error: perfwatt run has no option '--chpi'\n"
                         "  hint: did you mean '--chip'?\n")

    def test_missing_options(self):
        self.assertIn("--chip is missing", self.mistake("run"))
        self.assertIn("--workload is missing", self.mistake("run", "--chip", "warboy"))

    def test_run_takes_one_chip(self):
        self.assertIn("--chip is given more than once",
                      self.mistake("run", "--chip", "warboy", "--chip", "edge_tpu"))

    def test_batch_is_a_positive_whole_number(self):
        for bad in ("0", "-1", "1.5", "many", "inf", "nan", "1e3", "99999999999999999999", ""):
            error = self.mistake("run", "--chip", "warboy", "--workload", "resnet50",
                                 "--batch", bad)
            self.assertIn("--batch", error)

    def test_what_is_not_supported_is_said_with_what_is(self):
        base = ("run", "--chip", "warboy", "--workload", "resnet50")
        self.assertIn("it takes: single_stream", self.mistake(*base, "--scenario", "server"))
        self.assertIn("--requests is for", self.mistake(*base, "--requests", "4"))
        self.assertIn("it takes: auto, host, pim", self.mistake(*base, "--place", "memory"))
        self.assertIn("there is no lightening 'prune'",
                      self.mistake(*base, "--lighten", "prune"))
        self.assertIn("it takes: auto, exact, stream", self.mistake(*base, "--memory-timing", "fast"))
        self.assertIn("it takes: table, json, csv, md", self.mistake(*base, "--format", "xml"))

    def test_unknown_chip_and_workload_suggest_the_nearest(self):
        self.assertIn("did you mean 'warboy'?",
                      self.mistake("run", "--chip", "warbou", "--workload", "resnet50"))
        self.assertIn("did you mean 'resnet50'?",
                      self.mistake("run", "--chip", "warboy", "--workload", "resnet51"))

    def test_unknown_things_to_list_and_show(self):
        self.assertIn("did you mean 'chips'?", self.mistake("list", "chip"))
        self.assertIn("cannot show a 'chps'", self.mistake("show", "chps", "warboy"))
        self.assertIn("there is no schema", self.mistake("show", "schema", "chpi"))
        self.assertIn("one word too many", self.mistake("list", "chips", "all"))

    def test_report_needs_a_store(self):
        self.assertIn("there is no such file", self.mistake("report", "missing.db"))
        self.write("text.db", "not a database, only some words in a file\n")
        self.assertIn("text.db", self.mistake("report", "text.db"))
        self.assertEqual(self.files(), ["text.db"])


class Output(CommandTest):
    def test_place_that_cannot_be_written_is_refused_before_the_work(self):
        base = ("run", "--chip", "warboy", "--workload", "resnet50")
        self.assertIn("there is no folder", self.mistake(*base, "--out", "no/such/file.json"))
        self.assertIn("it is a folder", self.mistake(*base, "--out", "."))
        self.assertEqual(self.files(), [])

    def test_full_device_is_an_error(self):
        with open("/dev/full", "wb") as full:
            import subprocess
            from command import PROGRAM
            done = subprocess.run([PROGRAM, "list", "chips"], stdout=full,
                                  stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, 2)
        self.assertIn(b"standard output", done.stderr)


if __name__ == "__main__":
    unittest.main()
