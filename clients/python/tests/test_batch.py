import base64
import os
import subprocess

import nubdb
from nubdb import _words

from .support import TestCase

EVERY_BYTE = bytes(range(256))
AWKWARD = [
    "", " ", "\n", "\r\n", "\t", "\0", '"', "'", "\\", "a b", "it's", 'say "no"', "<<END", "#", "[1]", "*1\r\n$4\r\nPING\r\n",
    "QUIT", "ü€😀", "\ufeff", "\u2028", b"\xff", b"\xed\xa0\x80", EVERY_BYTE, "x" * 100_000,
]


class Run(TestCase):
    def test_lines_as_they_were_published(self):
        commands = ['SET user:1 "Alice"', 'SET user:2 "Bob"', "GET user:1", "SIZE"]
        self.assertEqual(nubdb.run(commands), ["OK", "OK", "Alice", 2])
        self.assertEqual(os.listdir(), ["nubdb.db"])

    def test_kinds_of_replies(self):
        nubdb.run([["MSET", "a", "1", "b", "", "c", b"\xff"]])
        replies = nubdb.run([["GET", "a"], ["STRLEN", "a"], ["GET", "none"], ["MGET", "a", "none", "b", "c"], ["KEYS", "none"]])
        self.assertEqual(replies, ["1", 1, None, ["1", None, "", "\udcff"], []])
        self.assertEqual(nubdb.run([["MGET", "a", "c"], ["INCR", "a"]], decode=False), [[b"1", b"\xff"], 2])
        self.assertEqual(nubdb.run([["SET", "n", 2**63 - 2], ["INCR", "n"], ["INCRBYFLOAT", "f", 0.5]]), ["OK", 2**63 - 1, "0.5"])

    def test_every_byte_comes_back(self):
        for value in AWKWARD:
            with self.subTest(value=value[:40]):
                raw = _words.encode(value)
                text = nubdb.run([["SET", value, value], ["GET", value]])[1]
                self.assertEqual(_words.encode(text), raw)
                self.assertEqual(nubdb.run([["GET", text]], decode=False), [raw])
        self.assertEqual(nubdb.run("SIZE"), [len(AWKWARD)])

    def test_a_script(self):
        self.assertEqual(nubdb.run("# two commands\nSET poem <<END\ntwo\nlines\nEND\n\nGET poem\nQUIT\nGET no"), ["OK", "two\nlines"])
        self.assertEqual(nubdb.run(""), [])
        self.assertEqual(nubdb.run([]), [])

    def test_an_error_knows_its_line(self):
        for commands in ['SET n "x y"\n\n# three\nINCR n\nPING', ['SET n "x y"', "", "# three", "INCR n", "PING"]]:
            with self.assertRaises(nubdb.CommandError) as caught:
                nubdb.run(commands)
            error = caught.exception
            self.assertEqual((error.code, error.message), ("ERR", "value is not an integer or out of range"))
            self.assertEqual((error.line, error.command), (4, "INCR n"))
            self.assertEqual(str(error), "line 4: ERR value is not an integer or out of range: INCR n")
            self.assertEqual(error.replies, ["OK", error, "PONG"])

    def test_errors_in_their_places(self):
        replies = nubdb.run([["PING"], ["NOPE", b"\xff"], ["PING"]], check=False)
        self.assertEqual((replies[0], replies[2]), ("PONG", "PONG"))
        self.assertEqual((replies[1].line, replies[1].command), (2, "NOPE \\udcff"))

    def test_an_error_inside_exec(self):
        with self.assertRaises(nubdb.CommandError) as caught:
            nubdb.run(["SET s x", "MULTI", "INCR s", "EXEC"])
        self.assertEqual((caught.exception.line, caught.exception.message), (4, "value is not an integer or out of range"))

    def test_quotes_that_do_not_end(self):
        with self.assertRaises(nubdb.CommandError) as caught:
            nubdb.run(["PING", 'ECHO "a'])
        self.assertEqual(caught.exception.line, 2)
        self.assertIn("column 6", caught.exception.message)

    def test_stop_on_error(self):
        with self.assertRaises(nubdb.CommandError) as caught:
            nubdb.run(["SET a x", "INCR a", "SET b x"], stop_on_error=True)
        self.assertEqual(len(caught.exception.replies), 2)
        self.assertEqual(nubdb.run("SIZE"), [1])

    def test_atomic(self):
        self.assertEqual(nubdb.run(["SET a 1", "INCR a"], atomic=True), ["OK", 2])
        for bad, line in (["SET a 3", "RENAME b c"], 2), (["NOPE", "SET a 3"], 1), (["SET a 3", 'SET "a'], 2), (["MULTI", "SET a 3"], 1):
            for check in (True, False):
                with self.subTest(bad=bad), self.assertRaises(nubdb.CommandError) as caught:
                    nubdb.run(bad, atomic=True, check=check)
                self.assertEqual(caught.exception.line, line)
                self.assertEqual(nubdb.run("GET a"), ["2"])

    def test_ends_that_are_no_commands(self):
        nubdb.run("SET a 1")
        with self.assertRaises(nubdb.TimeoutError) as caught:
            nubdb.run("SET a 2\nSLEEP 100", timeout=0.5)
        self.assertIn("500ms", str(caught.exception))
        self.assertEqual(nubdb.run("GET a"), ["2"])
        with self.assertRaises(nubdb.UsageError) as caught:
            nubdb.run("PING", options=["--nonsense"])
        self.assertIn("--nonsense", str(caught.exception))
        with self.assertRaises(nubdb.DatabaseError):
            nubdb.run("GET a", db="none.db", readonly=True)
        with open("file", "w"), self.assertRaises(nubdb.DatabaseError):
            nubdb.run("GET a", db="file")
        with self.assertRaises(FileNotFoundError):
            nubdb.run("PING", binary="./none")

    def test_a_server_has_the_database(self):
        server = self.serve()
        self.assertEqual(nubdb.run(["SET a 1", "INCR a"], db="server.db", atomic=True), ["OK", 2])
        with nubdb.NubDB(path=server.socket) as db:
            self.assertEqual(db.incr("a"), 3)
        with self.assertRaises(nubdb.CommandError) as caught:
            nubdb.run(["SET a x", "INCR a"], db="server.db")
        self.assertEqual(caught.exception.line, 2)

    def test_another_process_has_the_database(self):
        owner = subprocess.Popen(["nubdb", "-1", "-c", "SET a 1", "-c", "SLEEP 600"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.addCleanup(owner.stdout.close)
        self.addCleanup(owner.wait)
        self.addCleanup(owner.terminate)
        self.assertEqual(owner.stdout.readline(), b"OK\n")
        with self.assertRaises(nubdb.BusyError) as caught:
            nubdb.run("GET a", options=["--lock-timeout", "10ms"])
        self.assertIn(str(owner.pid), str(caught.exception))

    def test_what_is_no_command(self):
        for commands in ["PING\nPING"], [["SET", "a", None]], [["SET", "a", True]], [[]], [["SET", "a", ["b"]]]:
            with self.subTest(commands=commands), self.assertRaises((ValueError, TypeError)):
                nubdb.run(commands)

    def test_secrets_stay_secret(self):
        with self.assertRaises(nubdb.CommandError) as caught:
            nubdb.run([["AUTH", "secret"]])
        self.assertEqual(caught.exception.command, "AUTH")

    def test_base64_is_not_guessed(self):
        value = base64.b64encode(b"x").decode()
        self.assertEqual(nubdb.run([["ECHO", value], ["ECHO", '{"base64":"eA=="}']]), [value, '{"base64":"eA=="}'])


class Batch(TestCase):
    def test_every_command(self):
        with nubdb.Batch("shop.db") as batch:
            batch.set("a", 1).set("a", 2, nx=True).set("b", 1, xx=True).get("a").incr("a").incr("a", 10).decr("a").decr("a", 5)
            batch.exists("a", "a", "b").expire("a", 100).expire("b", 100).ttl("a").ttl("b").set("a", 0, keep_ttl=True)
            batch.ttl("a").size().delete("a", "b").clear().size().command("ECHO", b"\xff")
            self.assertEqual(len(batch), 20)
        self.assertEqual(
            batch.replies,
            [True, False, False, "1", 2, 12, 11, 6, 2, True, False, 100, -2, True, 100, 1, 1, None, 0, "\udcff"],
        )
        self.assertEqual(os.listdir(), ["shop.db"])

    def test_nothing_runs_after_an_exception(self):
        with self.assertRaises(ZeroDivisionError), nubdb.Batch() as batch:
            batch.set("a", 1)
            1 / 0
        self.assertEqual(nubdb.run("SIZE"), [0])

    def test_errors(self):
        batch = nubdb.Batch(atomic=True).set("a", "x").incr("a")
        with self.assertRaises(nubdb.CommandError) as caught:
            batch.execute()
        self.assertEqual((caught.exception.line, caught.exception.command), (2, "INCRBY a 1"))
        self.assertEqual(len(batch), 0)
        batch = nubdb.Batch().set("a", "x").incr("a").set("b", 1, ex=0.5)
        with self.assertRaises(nubdb.CommandError) as caught:
            batch.execute()
        self.assertEqual(caught.exception.replies, [True, caught.exception, True])
        self.assertIsInstance(batch.incr("a").execute(check=False)[0], nubdb.CommandError)
