import builtins
import os
import socket
import threading
from datetime import timedelta

import nubdb

from .support import TestCase
from .test_batch import AWKWARD


class Client(TestCase):
    def setUp(self):
        super().setUp()
        self.server = self.serve()
        self.db = nubdb.NubDB(port=self.server.port)
        self.addCleanup(self.db.close)

    def test_commands(self):
        db = self.db
        self.assertIs(db.set("name", "Alice"), True)
        self.assertEqual(db.get("name"), "Alice")
        self.assertIsNone(db.get("none"))
        self.assertIs(db.set("name", "Bob", nx=True), False)
        self.assertIs(db.set("none", "Bob", xx=True), False)
        self.assertEqual(db.exists("name", "none", "name"), 2)
        self.assertEqual([db.incr("n"), db.incr("n", 10), db.decr("n"), db.decr("n", 4)], [1, 11, 10, 6])
        self.assertEqual(db.size(), 2)
        self.assertEqual([db.ttl("name"), db.ttl("none")], [-1, -2])
        self.assertEqual([db.expire("name", 100), db.expire("none", 100), db.ttl("name")], [True, False, 100])
        self.assertIs(db.set("name", "Carol", keep_ttl=True), True)
        self.assertEqual(db.ttl("name"), 100)
        db.set("soon", 1, ex=timedelta(milliseconds=1500))
        self.assertIn(db.execute("PTTL", "soon"), range(1, 1501))
        db.set("soon", 1, ex=0.25)
        self.assertIn(db.execute("PTTL", "soon"), range(1, 251))
        self.assertEqual(db.delete("name", "soon", "none"), 2)
        self.assertIsNone(db.clear())
        self.assertEqual(db.size(), 0)
        self.assertEqual(db.execute("MGET", "a", "b"), [None, None])

    def test_every_byte_comes_back(self):
        with nubdb.NubDB(path=self.server.socket, decode=False) as raw:
            for value in AWKWARD:
                with self.subTest(value=value[:40]):
                    self.db.set(value, value)
                    text = self.db.get(value)
                    wanted = value if isinstance(value, bytes) else value.encode()
                    self.assertEqual(raw.get(text), wanted)
            self.assertEqual(raw.size(), len(AWKWARD))
            self.assertEqual(raw.execute("ECHO", 1.5), b"1.5")

    def test_errors(self):
        self.db.set("name", "Alice")
        with self.assertRaises(nubdb.CommandError) as caught:
            self.db.incr("name")
        self.assertEqual(str(caught.exception), "ERR value is not an integer or out of range: INCRBY name 1")
        with self.assertRaises(nubdb.CommandError):
            self.db.execute("NOPE")
        for words in (), (None,), ("GET", True):
            with self.subTest(words=words), self.assertRaises((ValueError, TypeError)):
                self.db.execute(*words)
        self.assertEqual(self.db.get("name"), "Alice")

    def test_pipeline(self):
        with self.db.pipeline() as p:
            p.set("a", 1).incr("a").get("a").expire("a", 5).ttl("none").command("NOPE", 1)
            replies = p.execute(check=False)
        self.assertEqual(replies[:5], [True, 2, "2", True, -2])
        self.assertEqual((replies[5].line, replies[5].command), (6, "NOPE 1"))
        with self.assertRaises(nubdb.CommandError) as caught, self.db.pipeline() as p:
            p.set("a", "x").incr("a").incr("b")
        self.assertEqual((caught.exception.line, caught.exception.replies[2]), (2, 1))
        self.assertEqual(self.db.pipeline().execute(), [])

    def test_pipeline_atomic(self):
        with self.db.pipeline(atomic=True) as p:
            p.set("a", 1).incr("a").get("a")
        self.assertEqual(p.replies, [True, 2, "2"])
        with self.assertRaises(nubdb.CommandError) as caught:
            self.db.pipeline(atomic=True).set("a", 7).command("NOPE").execute()
        self.assertEqual(caught.exception.code, "EXECABORT")
        self.assertEqual(self.db.get("a"), "2")

    def test_pipeline_of_any_length(self):
        value = "v" * 10_000
        p = self.db.pipeline()
        for i in range(2000):
            p.set(i, value).get(i)
        self.assertEqual(p.execute(), [True, value] * 2000)

    def test_threads(self):
        def count():
            for _ in range(200):
                self.db.incr("n")

        threads = [threading.Thread(target=count) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(self.db.get("n"), "800")

    def test_login(self):
        self.server.stop()
        server = self.serve(env={"NUBDB_REQUIREPASS": "secret"})
        with nubdb.NubDB(port=server.port, password="secret") as db:
            self.assertIs(db.set("a", 1), True)
            db.close()
            self.assertEqual(db.get("a"), "1")
        for password, code in (None, "NOAUTH"), ("guess", "WRONGPASS"):
            with nubdb.NubDB(port=server.port, password=password) as db:
                for _ in range(2):
                    with self.assertRaises(nubdb.CommandError) as caught:
                        db.get("a")
                    self.assertEqual(caught.exception.code, code)

    def test_reconnect(self):
        self.db.set("n", 1)
        self.assertEqual(self.server.stop(), 0)
        with self.assertRaises(nubdb.ConnectionError) as caught:
            self.db.incr("n")
        self.assertIn("cannot connect", str(caught.exception))
        self.serve(port=self.server.port)
        self.assertEqual(self.db.incr("n"), 2)
        self.db.close()
        self.assertEqual(self.db.incr("n"), 3)


class Flaky:
    """A server that answers as it is told: for each connection a list of answers to what it receives.

    None is to close the connection instead, False to close it without waiting for another request.
    """

    def __init__(self, *connections):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.received = []
        self.connections = connections
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self):
        with self.listener:
            for answers in self.connections:
                conn, _ = self.listener.accept()
                with conn:
                    for answer in answers:
                        if answer is False:
                            break
                        self.received.append(conn.recv(1 << 16))
                        if answer is None:
                            break
                        conn.sendall(answer)
                    else:
                        conn.recv(1)  # until the client closes

    def close(self):
        self.thread.join()


class BadServers(TestCase):
    def client(self, *connections, **options):
        flaky = Flaky(*connections)
        db = nubdb.NubDB("127.0.0.1", flaky.port, **options)
        self.addCleanup(flaky.close)
        self.addCleanup(db.close)
        return flaky, db

    def test_a_read_is_sent_again(self):
        flaky, db = self.client([None], [b"$1\r\nv\r\n"])
        self.assertEqual(db.get("k"), "v")
        self.assertEqual(len(flaky.received), 2)

    def test_a_write_is_not(self):
        flaky, db = self.client([b":1\r\n", None], [b":7\r\n"])
        self.assertEqual(db.incr("k"), 1)
        with self.assertRaises(builtins.ConnectionError) as caught:
            db.incr("k")
        self.assertIsInstance(caught.exception, nubdb.ConnectionError)
        self.assertIn("may have been run", str(caught.exception))
        self.assertEqual(db.incr("k"), 7)
        self.assertEqual(len(flaky.received), 3)

    def test_half_a_reply(self):
        _, db = self.client([b"$5\r\nhal", False])
        with self.assertRaises(nubdb.ConnectionError):
            db.execute("ECHO", "half")

    def test_a_reply_in_pieces(self):
        reads, writes = socket.socketpair()
        with reads, writes:
            replies = nubdb.client._resp.Replies(reads)
            whole = b"*3\r\n$5\r\na\r\nbc\r\n$-1\r\n*1\r\n:12\r\n"
            def trickle():
                for i in range(len(whole)):
                    writes.sendall(whole[i:i + 1])
            thread = threading.Thread(target=trickle)
            thread.start()
            self.assertEqual(replies.next(), [b"a\r\nbc", None, [12]])
            thread.join()

    def test_no_reply_in_time(self):
        _, db = self.client([b""], [b":1\r\n"], timeout=0.05)
        with self.assertRaises(builtins.TimeoutError) as caught:
            db.incr("k")
        self.assertIsInstance(caught.exception, nubdb.TimeoutError)
        db._timeout = 60
        self.assertEqual(db.incr("k"), 1)

    def test_login(self):
        login = b"*2\r\n$4\r\nAUTH\r\n$6\r\nsecret\r\n"
        flaky, db = self.client([b"+OK\r\n", b":1\r\n"], [b"-WRONGPASS no\r\n"], [b"+OK\r\n", b":2\r\n"], password="secret")
        self.assertEqual(db.incr("k"), 1)
        db.close()
        with self.assertRaises(nubdb.CommandError) as caught:
            db.incr("k")
        self.assertEqual(caught.exception.code, "WRONGPASS")
        self.assertEqual(db.incr("k"), 2)
        self.assertEqual(flaky.received[::2], [login, login, flaky.received[1]])

    def test_another_protocol(self):
        _, db = self.client([b"HTTP/1.1 400 Bad Request\r\n\r\n"])
        with self.assertRaises(nubdb.ConnectionError) as caught:
            db.incr("k")
        self.assertIn("HTTP/1.1", str(caught.exception))

    def test_nobody_there(self):
        for options in {"host": "127.0.0.1", "port": 1}, {"path": os.path.join(self.directory, "none")}:
            with self.subTest(options=options), self.assertRaises(nubdb.ConnectionError):
                nubdb.NubDB(**options).get("k")
