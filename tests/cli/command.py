"""Runs the perfwatt program of this build, for tests."""

import json
import os
import pathlib
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("PERFWATT", str(ROOT / "build" / "release" / "perfwatt"))


class CommandTest(unittest.TestCase):
    """A test with a scratch folder, in which the program runs."""

    maxDiff = None

    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = pathlib.Path(scratch.name)

    def run_it(self, *words, code=0, timeout=240, **more):
        """Runs `perfwatt words...`; fails if the exit code is another one than `code` (None: any)."""
        done = subprocess.run([PROGRAM, *map(str, words)], cwd=self.folder, timeout=timeout,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)
        done.out = done.stdout.decode()
        done.err = done.stderr.decode()
        if code is not None:
            self.assertEqual(done.returncode, code,
                         f"perfwatt {' '.join(map(str, words))}\n{done.out}\n{done.err}")
        return done

    def mistake(self, *words):
        """The message of a command that is the user's mistake: exit 2, nothing on stdout."""
        done = self.run_it(*words, code=2)
        self.assertEqual(done.out, "")
        self.assertIn("error: ", done.err)
        self.assertNotIn("internal error", done.err)
        return done.err

    def json_of(self, *words):
        return json.loads(self.run_it(*words, "--format", "json").out)

    def write(self, name, text):
        path = self.folder / name
        path.write_bytes(text) if isinstance(text, bytes) else path.write_text(text)
        return path

    def files(self):
        return sorted(path.name for path in self.folder.iterdir())
