"""A database and servers for the tests. The program nubdb has to be in PATH."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Server:
    """nubdb --server on a free port, or the one given, and on a unix socket."""

    def __init__(self, directory, *flags, port=0, env=None):
        self.socket = os.path.join(directory, "server.sock")
        command = ["nubdb", "-d", os.path.join(directory, "server.db"), "--unixsocket", self.socket, *flags]
        self.process = subprocess.Popen(
            [*command, "--server", str(port)], stderr=subprocess.PIPE, text=True, env={**os.environ, **(env or {})}
        )
        self.log = ""
        for line in self.process.stderr:
            self.log += line
            if "ready to accept connections" in line:
                self.port = int(re.search(r"127\.0\.0\.1:(\d+)", line).group(1))
                return
        raise RuntimeError(self.log)

    def stop(self, sig=signal.SIGTERM):
        if self.process.returncode is None:
            self.process.send_signal(sig)
            self.log += self.process.communicate()[1]
        return self.process.returncode


class TestCase(unittest.TestCase):
    """A test in a directory of its own."""

    maxDiff = None

    def setUp(self):
        self.directory = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.directory)
        here = os.getcwd()
        os.chdir(self.directory)
        self.addCleanup(os.chdir, here)
        os.environ.pop("NUBDB_DB", None)

    def serve(self, *flags, **options):
        server = Server(self.directory, *flags, **options)
        self.addCleanup(server.stop)
        return server

    def python(self, script, *args):
        """What a Python script prints, which must not fail."""
        env = {**os.environ, "PYTHONPATH": ROOT, "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(
            [sys.executable, script, *map(str, args)], capture_output=True, text=True, env=env, timeout=60
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""), script)
        return done.stdout
