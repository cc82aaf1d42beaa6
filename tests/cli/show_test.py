"""list and show: what is there, and where each value comes from."""

import unittest

from command import ROOT, CommandTest


class Lists(CommandTest):
    def test_names_are_those_of_the_files(self):
        for kind, folder in (("chips", "configs/chips"), ("memories", "configs/memories"),
                             ("systems", "configs/systems")):
            names = sorted(path.stem for path in (ROOT / folder).glob("*.yaml"))
            self.assertEqual(self.run_it("list", kind).out.split(), names)

    def test_workloads_hold_the_zoo_with_its_sizes(self):
        lines = self.run_it("list", "workloads").out.splitlines()
        self.assertRegex(lines[0], r"^workload +MACs +parameters +phases$")
        text = "\n".join(lines)
        for name in ("mobilenet_v2", "vgg16", "bert_base", "yolov8n", "stable_diffusion_1_5_unet"):
            self.assertRegex(text, rf"(?m)^{name} +\d.* +forward$")
        self.assertRegex(text, r"(?m)^resnet50 +4\.09 G +25\.6 M +forward$")
        self.assertRegex(text, r"(?m)^mixtral_8x7b +13\.2 T +46\.7 G +forward, prefill, decode")

    def test_operators(self):
        text = self.run_it("list", "operators").out
        self.assertRegex(text, r"(?m)^Conv +contraction$")
        self.assertRegex(text, r"(?m)^Softmax +reduce$")


class Show(CommandTest):
    def test_every_listed_thing_can_be_shown(self):
        for kind, listed in (("chip", "chips"), ("memory", "memories"), ("workload", "workloads")):
            lines = self.run_it("list", listed).out.splitlines()
            for name in [line.split()[0] for line in lines if not line.startswith("workload ")]:
                self.assertIn(name, self.run_it("show", kind, name).out)
                self.run_it("show", kind, name, "--resolved")

    def test_resolved_tells_value_and_origin(self):
        text = self.run_it("show", "chip", "generic_edge_npu", "--resolved",
                           "--set", "npu.cores=2").out
        self.assertRegex(text, r"npu\.cores = 2 +# --set 'npu\.cores=2'")
        self.assertRegex(text, r"npu\.matrix\.rows = 64 +# .*generic_edge_npu\.yaml:\d+")
        self.assertRegex(text, r"(?m)^npu\.matrix\.depth = 1 +# default")

    def test_own_file_by_path(self):
        chip = (ROOT / "configs/chips/generic_edge_npu.yaml").read_text()
        self.write("mine.yaml", chip.replace("generic_edge_npu", "mine"))
        self.assertIn("mine", self.run_it("show", "chip", "./mine.yaml").out)

    def test_child_extends_a_shipped_chip(self):
        self.write("child.yaml", "schema: perfwatt/chip/v1\nextends: generic_edge_npu\n"
                                 "name: child\nnpu: {cores: 4}\n")
        text = self.run_it("show", "chip", "child.yaml", "--resolved").out
        self.assertRegex(text, r"npu\.cores = 4 +# .*child\.yaml:4")
        self.assertRegex(text, r"npu\.matrix\.rows = 64 +# .*generic_edge_npu\.yaml")


if __name__ == "__main__":
    unittest.main()
