"""Every example does what it says."""

import os
import subprocess
import sys

import nubdb

from .support import ROOT, TestCase


def example(name):
    return os.path.join(ROOT, "examples", name)


class Readme(TestCase):
    def test_its_block(self):
        with open(os.path.join(ROOT, "README.md")) as f:
            block = f.read().split("```python\n")[1].split("```")[0]
        with open("readme.py", "w") as f:
            f.write(block.replace("6379", str(self.serve().port)))
        self.assertEqual(self.python("readme.py"), "Alice\n")
        self.assertEqual(nubdb.run("GET users", db="shop.db"), ["1"])


class WithServer(TestCase):
    def check(self, name, *printed):
        self.assertEqual(self.python(example(name), self.serve().port), "".join(line + "\n" for line in printed))

    def test_session_store(self):
        self.check(
            "session_store.py",
            "loaded: {'user': 'Alice', 'basket': []}",
            "saved: True",
            "loaded: {'user': 'Alice', 'basket': ['tea']}",
            "after the end: None False",
        )

    def test_cache(self):
        self.check("cache.py", "computing 12", "computing 13", "144 144 169", "computing 12", "144")

    def test_cache_without_a_server(self):
        code = "\n".join(
            [
                "import nubdb, cache",
                "db = nubdb.NubDB('127.0.0.1', 1)",
                "twice = cache.cached(db, 60)(lambda n: 2 * n)",
                "print(twice(4), twice(4))",
            ]
        )
        with open("use.py", "w") as f:
            f.write("import sys; sys.path.insert(0, %r)\n%s" % (os.path.join(ROOT, "examples"), code))
        self.assertEqual(self.python("use.py"), "8 8\n")

    def test_rate_limiter(self):
        self.check("rate_limiter.py", "[True, True, True, False, False]", "[True, True]")


class Bench(TestCase):
    def test_it_measures_every_way(self):
        lines = self.python(os.path.join(ROOT, "bench.py"), 0.001).splitlines()
        self.assertEqual(len(lines), 6)
        for line in lines[1:]:
            self.assertRegex(line, r"^[a-zP].* +[\d,]+ +[\d,]+$")


class WithoutServer(TestCase):
    def job(self, *command):
        env = {**os.environ, "PYTHONPATH": ROOT}
        return subprocess.Popen(
            [sys.executable, example("job_lock.py"), *command], env=env, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )

    def test_job_lock(self):
        first = self.job("sh", "-c", "echo working; read line")
        self.assertEqual(first.stdout.readline(), "working\n")
        second = self.job("echo", "no")
        self.assertEqual(second.communicate(), ("", f"job is locked by process {first.pid}\n"))
        self.assertEqual(second.returncode, 75)
        self.assertEqual(first.communicate("\n"), ("", ""))
        self.assertEqual(first.returncode, 0)
        third = self.job("sh", "-c", "exit 3")
        third.communicate()
        self.assertEqual(third.returncode, 3)
        self.assertEqual(nubdb.run("SIZE"), [0])

    def test_migration(self):
        nubdb.run(
            ["SET user:1:name Alice", "SET user:1:mail a@b.c", 'SET user:2:name "Bob B"'], db="shop.db"
        )
        self.assertEqual(self.python(example("migration.py"), "shop.db"), "2 users moved\n")
        self.assertEqual(
            nubdb.run([["MGET", "user:1", "user:2", "schema"], ["SIZE"]], db="shop.db"),
            [['{"name": "Alice", "mail": "a@b.c"}', '{"name": "Bob B", "mail": null}', "2"], 3],
        )
        self.assertEqual(self.python(example("migration.py"), "shop.db"), "0 users moved\n")

    def test_cron(self):
        for _ in range(2):
            self.assertEqual(self.python(example("cron.py")), "")
        runs, last, size = nubdb.run(["GET disk:runs", "GET disk:last", "SIZE"], db="jobs.db")
        self.assertEqual(runs, "2")
        self.assertRegex(last, r"^\d{4}-\d\d-\d\dT[\d:]+\+00:00$")
        self.assertIn(size, (3, 4))
