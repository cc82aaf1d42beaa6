"""Every shipped YAML follows the JSON Schema that the program prints, by another's validator."""

import json
import unittest

import jsonschema
import yaml

from command import ROOT, CommandTest

FOLDERS = {"chip": "configs/chips", "system": "configs/systems", "memory": "configs/memories",
           "workload": "workloads", "sweep": "configs/sweeps", "baseline": "configs/baselines",
           "energy": "configs/energy"}


class Schemas(CommandTest):
    def schema(self, kind):
        schema = json.loads(self.run_it("show", "schema", kind).out)
        jsonschema.Draft7Validator.check_schema(schema)
        return schema

    def test_shipped_files_are_valid(self):
        count = 0
        for kind, folder in FOLDERS.items():
            validator = jsonschema.Draft7Validator(self.schema(kind))
            for path in sorted((ROOT / folder).glob("*.yaml")):
                with self.subTest(path=path.name):
                    document = yaml.safe_load(path.read_text())
                    self.assertEqual(document["schema"], f"perfwatt/{kind}/v1")
                    errors = [error.message for error in validator.iter_errors(document)]
                    self.assertEqual(errors, [])
                    count += 1
        self.assertGreater(count, 20)

    def test_schemas_refuse_what_the_program_refuses(self):
        validator = jsonschema.Draft7Validator(self.schema("chip"))
        path = ROOT / "configs/chips/generic_edge_npu.yaml"
        for change in (lambda chip: chip.update(unknown=1),
                       lambda chip: chip.pop("launch"),
                       lambda chip: chip["npu"].update(clock=1_000_000_000),
                       lambda chip: chip["npu"]["matrix"].update(rows=0)):
            document = yaml.safe_load(path.read_text())
            self.assertTrue(validator.is_valid(document))
            change(document)
            self.assertFalse(validator.is_valid(document))


if __name__ == "__main__":
    unittest.main()
