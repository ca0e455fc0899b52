"""How fast the ways from Python to a database are, on this machine.

    python bench.py [seconds for each, 2]

The program nubdb has to be in PATH. redis-py is measured if it is installed. Each way does one SET or GET
after the other, and waits for its reply; "together" sends many at once.
"""

import contextlib
import os
import re
import subprocess
import sys
import tempfile
import time

import nubdb

SECONDS = float(sys.argv[1]) if len(sys.argv) > 1 else 2.0
TOGETHER = 1000  # commands that are sent at once


def rate(step, commands=1):
    """How many commands a second step does."""
    step(0)
    began = now = time.perf_counter()
    n = 0
    while now - began < SECONDS:
        n += 1
        step(n)
        now = time.perf_counter()
    return n * commands / (now - began)


def show(way, commands, together=None):
    more = "" if together is None else f"{together:12,.0f}"
    print(f"{way:34}{commands:12,.0f}{more}", flush=True)


def batch(n):
    done = subprocess.run("nubdb", input=f"SET key {n}\nGET key\nQUIT\n", capture_output=True, text=True)
    assert done.stdout == f"OK\n{n}\n", done


def batch_together(n):
    replies = nubdb.run([["SET", f"key:{i}", n] for i in range(TOGETHER)])
    assert replies == ["OK"] * TOGETHER


def pipes(n):
    with open("in", "w") as f:
        f.write(f"SET key {n}\n")
    with open("out") as f:
        assert f.readline() == "OK\n"


def pipes_together(n):
    with open("in", "w") as f:
        f.write(f"SET key {n}\n" * TOGETHER)
    with open("out") as f:
        assert f.read() == "OK\n" * TOGETHER


class Lines:
    """The line protocol by hand."""

    def __init__(self, port):
        import socket

        self.file = socket.create_connection(("127.0.0.1", port)).makefile("rwb")

    def one(self, n):
        self.file.write(b"SET key %d\n" % n)
        self.file.flush()
        assert self.file.readline() == b"+OK\n"

    def together(self, n):
        self.file.write(b"SET key %d\n" % n * TOGETHER)
        self.file.flush()
        assert self.file.read(4 * TOGETHER) == b"+OK\n" * TOGETHER


@contextlib.contextmanager
def server():
    """nubdb with all of its ways in; gives the port."""
    with subprocess.Popen(["nubdb", "--fifo", "in", "out", "--server", "0"], stderr=subprocess.PIPE, text=True) as process:
        for line in process.stderr:
            port = re.search(r"ready to accept.*127\.0\.0\.1:(\d+)", line)
            if port:
                break
        try:
            yield int(port.group(1))
        finally:
            process.terminate()


def pipelined(pipeline):
    def step(n):
        p = pipeline()
        for _ in range(TOGETHER):
            p.set("key", n)
        p.execute()

    return step


def main():
    print(f"{'commands a second':34}{'one by one':>12}{'together':>12}")
    show("a run of nubdb (subprocess)", rate(batch, 2), rate(batch_together, TOGETHER))
    with server() as port:
        show("named pipes", rate(pipes), rate(pipes_together, TOGETHER))
        lines = Lines(port)
        show("lines over TCP", rate(lines.one), rate(lines.together, TOGETHER))
        db = nubdb.NubDB(port=port)
        show("this package over TCP", rate(lambda n: db.set("key", n)), rate(pipelined(db.pipeline), TOGETHER))
        db.close()
        try:
            import redis
        except ImportError:
            return
        r = redis.Redis(port=port)
        show("redis-py", rate(lambda n: r.set("key", n)), rate(pipelined(lambda: r.pipeline(False)), TOGETHER))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as directory:
        os.chdir(directory)
        os.environ.pop("NUBDB_DB", None)
        main()
