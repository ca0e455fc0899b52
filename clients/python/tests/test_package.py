"""The package can be built and installed."""

import os
import shutil
import subprocess
import sys
import zipfile

from .support import ROOT, TestCase


class Wheel(TestCase):
    def test_it_builds_offline(self):
        for name in "nubdb", "pyproject.toml", "README.md":
            source = os.path.join(ROOT, name)
            (shutil.copytree if os.path.isdir(source) else shutil.copy)(source, name)
        build = "from setuptools import build_meta; print(build_meta.build_wheel('.'))"
        done = subprocess.run([sys.executable, "-c", build], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        wheel = done.stdout.split()[-1]
        self.assertRegex(wheel, r"^nubdb-.*-py3-none-any\.whl$")
        with zipfile.ZipFile(wheel) as z:
            names = z.namelist()
        for name in os.listdir(os.path.join(ROOT, "nubdb")):
            if name != "__pycache__":
                self.assertIn(f"nubdb/{name}", names)
        self.assertIn("nubdb/py.typed", names)
        # As it would be installed: a wheel of nothing but Python can be imported as it is.
        code = "import nubdb; print(nubdb.__file__)"
        path = os.path.abspath(wheel)
        done = subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": path}, cwd="/", capture_output=True, text=True)
        self.assertEqual(done.stdout, os.path.join(path, "nubdb", "__init__.py") + "\n", done.stderr)
