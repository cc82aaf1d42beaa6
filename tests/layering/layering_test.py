"""Which room may include which: the rules of the source tree, checked on its text."""

import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)
ROOM = re.compile(r"perfwatt_(room|family)\((\w+)([^)]*)\)")

# What every family sees of the simulator, beyond its own folder and what CMake says it links.
NEVER_IN_A_FAMILY = {"compiler", "report", "run", "sweep", "cli"}
# A library with one user: whoever else wants it goes through that room.
ONLY_IN = {"yaml-cpp": {"config"}, "sqlite3": {"sweep"}, "boost/program_options": {"cli"},
           "onnx": {"graph"}, "google/protobuf": {"graph"}}


def declared_rooms():
    """Room -> rooms it links, and the names of the families, as the CMake files declare them."""
    rooms, families = {}, set()
    for path in ("sim/CMakeLists.txt", "models/CMakeLists.txt", "sim/cli/CMakeLists.txt"):
        text = re.sub(r"#.*", "", (ROOT / path).read_text())
        for kind, name, words in ROOM.findall(text):
            depends = re.search(r"DEPENDS\s+([\w\s]+?)(?=\s+[A-Z_]+\s|\s*$)", words)
            rooms[name] = set(depends.group(1).split()) if depends else set()
            if kind == "family":
                families.add(name)
    return rooms, families


ROOMS, FAMILIES = declared_rooms()


def reach(room, seen=None):
    seen = set() if seen is None else seen
    for other in ROOMS[room]:
        if other not in seen:
            seen.add(other)
            reach(other, seen)
    return seen


def sources(*tops):
    for top in tops:
        for path in sorted((ROOT / top).rglob("*")):
            if path.suffix in (".h", ".cpp"):
                yield path


def room_of(path):
    """sim/base/time.h -> base; models/npu/npu_spec.h -> npu."""
    return path.relative_to(ROOT).parts[1]


def includes(path):
    return [name for _, name in INCLUDE.findall(path.read_text())]


class Layering(unittest.TestCase):
    def test_every_folder_is_a_declared_room(self):
        folders = {room_of(path) for path in sources("sim", "models")}
        self.assertEqual(folders - set(ROOMS), set())

    def test_rooms_form_no_cycle(self):
        for room in ROOMS:
            self.assertNotIn(room, reach(room), f"{room} depends on itself")

    def test_includes_go_where_the_build_says(self):
        for path in sources("sim", "models"):
            allowed = reach(room_of(path)) | {room_of(path)}
            if path.name == "main.cpp":
                allowed |= {"cli"}
            for name in includes(path):
                parts = name.split("/")
                if parts[0] in ("sim", "models"):
                    self.assertIn(parts[1], allowed, f"{path.relative_to(ROOT)} includes {name}")

    def test_family_sees_no_other_family_nor_what_uses_families(self):
        self.assertTrue(FAMILIES)
        for family in FAMILIES:
            forbidden = (FAMILIES - {family}) | NEVER_IN_A_FAMILY
            self.assertEqual(reach(family) & forbidden, set(), family)

    def test_memory_is_reached_through_the_architecture(self):
        for family in FAMILIES:
            self.assertNotIn("dram", reach(family), family)

    def test_systemc_only_in_engine_and_device_files(self):
        for path in sources("sim", "models"):
            uses = any(re.match(r"systemc|tlm", name) for name in includes(path))
            allowed = room_of(path) == "engine" or path.stem.endswith("_device")
            self.assertTrue(allowed or not uses, f"{path.relative_to(ROOT)} includes systemc")

    def test_libraries_keep_to_their_room(self):
        for path in sources("sim", "models"):
            for name in includes(path):
                for library, rooms in ONLY_IN.items():
                    if name.startswith(library) and "/" in name + "/":
                        self.assertIn(room_of(path), rooms,
                                      f"{path.relative_to(ROOT)} includes {name}")


class Manners(unittest.TestCase):
    def test_models_neither_print_nor_exit_nor_read_files(self):
        forbidden = re.compile(
            r"std::cout|std::cerr|\bprintf\s*\(|fmt::print|\bstd::exit|\babort\s*\(|"
            r"\bi?fstream\b|\bfopen\b|std::getenv|\brand\s*\(")
        for path in sources("models"):
            found = forbidden.search(path.read_text())
            self.assertIsNone(found, f"{path.relative_to(ROOT)}: {found and found.group()}")

    def test_headers_guard_themselves_and_leave_out_iostream(self):
        for path in sources("sim", "models"):
            if path.suffix == ".h":
                self.assertIn("#pragma once", path.read_text(), path)
                self.assertNotIn("iostream", includes(path), path)

    def test_no_wall_clock_or_randomness_outside_of_sweeps(self):
        # A worker's timeout is of real time: it ends a run, and decides nothing in one.
        limits_real_time = "sim/run/worker.cpp"
        forbidden = re.compile(r"system_clock|steady_clock|random_device|\bgettimeofday|std::time\b")
        for path in sources("sim", "models"):
            if room_of(path) in ("sweep", "cli") or str(path).endswith(limits_real_time):
                continue
            found = forbidden.search(path.read_text())
            self.assertIsNone(found, f"{path.relative_to(ROOT)}: {found and found.group()}")


if __name__ == "__main__":
    unittest.main()
