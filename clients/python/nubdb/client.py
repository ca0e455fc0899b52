"""A connection to a server: nubdb --server."""

from __future__ import annotations

import select
import socket
import threading
from types import TracebackType
from typing import Any, Generic, List, Literal, Optional, Tuple, Type, TypeVar, cast, overload

from . import _resp, _words
from ._queue import Queue
from ._words import Seconds, Word
from .errors import CommandError, ConnectionError, TimeoutError

S = TypeVar("S", str, bytes)

_READS = frozenset(["GET", "EXISTS", "DBSIZE", "TTL", "PING"])


class NubDB(Generic[S]):
    """A connection to a server, over TCP or, with path, over a unix socket.

        with NubDB("localhost", 6379) as db:
            db.set("name", "Alice", ex=60)
            print(db.get("name"))

    Keys and values are str, bytes, int or float. Strings come back as str, with surrogateescape for what is not
    UTF-8, so that every value can be written back as it was; with decode=False as bytes.

    It connects at the first command, and again when the server has closed the connection meanwhile.
    When the connection is lost while a command is under way, nobody knows whether that was run: it raises
    ConnectionError, except for commands that only read, which are sent once more. timeout is how many
    seconds a connection and a reply may take, None for ever; a TimeoutError closes the connection.

    Threads may share one: they take turns. A CommandError is a command that failed.
    """

    @overload
    def __init__(
        self: NubDB[str], host: str = ..., port: int = ..., *, path: Optional[str] = ..., username: Optional[str] = ...,
        password: Optional[str] = ..., timeout: Optional[float] = ..., decode: Literal[True] = ...,
    ) -> None: ...

    @overload
    def __init__(
        self: NubDB[bytes], host: str = ..., port: int = ..., *, path: Optional[str] = ..., username: Optional[str] = ...,
        password: Optional[str] = ..., timeout: Optional[float] = ..., decode: Literal[False],
    ) -> None: ...

    def __init__(
        self, host: str = "localhost", port: int = 6379, *, path: Optional[str] = None, username: Optional[str] = None,
        password: Optional[str] = None, timeout: Optional[float] = 5.0, decode: bool = True,
    ) -> None:
        self._path = path
        self._host, self._port = host, port
        self._login: List[Word] = []
        if password is not None:
            self._login = ["AUTH", *([username] if username is not None else []), password]
        self._timeout = timeout
        self._decode = decode
        self._lock = threading.RLock()  # guards what follows
        self._sock: Optional[socket.socket] = None
        self._replies: Optional[_resp.Replies] = None

    def __enter__(self) -> NubDB[S]:
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection. The next command opens another."""
        with self._lock:
            sock, self._sock, self._replies = self._sock, None, None
            if sock is not None:
                sock.close()

    def execute(self, *words: Word) -> Any:
        """Run any command and return its reply; one that fails raises a CommandError."""
        reply = self._run([list(words)])[0]
        if isinstance(reply, CommandError):
            reply.command = _words.shown(words)
            raise reply
        return reply

    def pipeline(self, atomic: bool = False) -> Pipeline:
        """Commands that are sent together; with atomic as one transaction, which others see whole or not at all."""
        return Pipeline(self, atomic)

    def set(
        self, key: Word, value: Word, *, ex: Optional[Seconds] = None,
        nx: bool = False, xx: bool = False, keep_ttl: bool = False,
    ) -> bool:
        """Set a key, to expire after ex seconds. False if it exists (nx) or does not (xx), and was left alone."""
        return cast(bool, self._do(_words.set_(key, value, ex, nx, xx, keep_ttl)))

    def get(self, key: Word) -> Optional[S]:
        """The value of a key, None if there is none."""
        return cast(Optional[S], self._do(_words.get(key)))

    def delete(self, *keys: Word) -> int:
        """Delete keys; how many of them existed."""
        return cast(int, self._do(_words.delete(keys)))

    def exists(self, *keys: Word) -> int:
        """How many of the keys exist."""
        return cast(int, self._do(_words.exists(keys)))

    def incr(self, key: Word, by: int = 1) -> int:
        """Add to a counter, which is 0 if it does not exist; its new value."""
        return cast(int, self._do(_words.incr(key, by)))

    def decr(self, key: Word, by: int = 1) -> int:
        """Subtract from a counter; its new value."""
        return cast(int, self._do(_words.decr(key, by)))

    def size(self) -> int:
        """How many keys there are."""
        return cast(int, self._do(_words.size()))

    def clear(self) -> None:
        """Delete all keys."""
        self._do(_words.clear())

    def expire(self, key: Word, after: Seconds) -> bool:
        """Let a key expire after so many seconds. False if it does not exist."""
        return cast(bool, self._do(_words.expire(key, after)))

    def ttl(self, key: Word) -> int:
        """The seconds until a key expires, -1 if it never does, -2 if it does not exist."""
        return cast(int, self._do(_words.ttl(key)))

    def _do(self, built: _words.Built) -> Any:
        words, convert = built
        return convert(self.execute(*words))

    def _run(self, commands: List[List[Word]]) -> List[Any]:
        """Send commands and return their replies, errors among them."""
        pieces = list(_resp.requests(commands))  # before anything is sent: a word may be no word
        with self._lock:
            try:
                return self._exchange(pieces)
            except ConnectionError:
                if not all(_only_reads(words) for words in commands):
                    raise
            return self._exchange(pieces)

    def _exchange(self, pieces: List[Tuple[bytes, int]]) -> List[Any]:
        sock, replies = self._connection()
        received: List[Any] = []
        try:
            for data, count in pieces:
                sock.sendall(data)
                received += [_resp.converted(replies.next(), self._decode) for _ in range(count)]
        except socket.timeout as e:
            self.close()
            raise TimeoutError(f"no reply for {self._timeout} seconds; the command may have been run") from e
        except OSError as e:
            self.close()
            raise ConnectionError(f"{e}; the command may have been run") from e
        except BaseException:  # what is still to come would be taken for the replies of the next command
            self.close()
            raise
        return received

    def _connection(self) -> Tuple[socket.socket, _resp.Replies]:
        """The connection: a new one if there is none or if the server has closed it."""
        if self._sock is not None and _readable(self._sock):
            self.close()  # nothing is due, so that it can only be the end
        if self._sock is None or self._replies is None:
            sock = self._connect()
            self._sock, self._replies = sock, _resp.Replies(sock)
            if self._login:
                self._log_in(self._sock, self._replies)
        return self._sock, self._replies

    def _connect(self) -> socket.socket:
        try:
            if self._path is None:
                sock = socket.create_connection((self._host, self._port), self._timeout)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return sock
            sock = socket.socket(socket.AF_UNIX)
            try:
                sock.settimeout(self._timeout)
                sock.connect(self._path)
            except BaseException:
                sock.close()
                raise
            return sock
        except OSError as e:
            where = f"{self._host}:{self._port}" if self._path is None else self._path
            raise ConnectionError(f"cannot connect to {where}: {e}") from e

    def _log_in(self, sock: socket.socket, replies: _resp.Replies) -> None:
        try:
            sock.sendall(_resp.request(self._login))
            reply = replies.next()
        except OSError as e:
            self.close()
            raise ConnectionError(f"cannot log in: {e}") from e
        if isinstance(reply, CommandError):
            self.close()
            raise reply


def _only_reads(words: List[Word]) -> bool:
    return _words.decode(_words.encode(words[0])).upper() in _READS


def _readable(sock: socket.socket) -> bool:
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))


class Pipeline(Queue):
    """Commands that a connection sends together, made by NubDB.pipeline."""

    def __init__(self, db: NubDB[Any], atomic: bool) -> None:
        super().__init__()
        self._db = db
        self._atomic = atomic

    def _send(self, commands: List[List[Word]]) -> List[Any]:
        if not commands:
            return []
        if self._atomic:
            replies = self._transaction(commands)
        else:
            replies = self._db._run(commands)
        for number, (words, reply) in enumerate(zip(commands, replies), 1):
            if isinstance(reply, CommandError):
                reply.line, reply.command = number, _words.shown(words)
        return replies

    def _transaction(self, commands: List[List[Word]]) -> List[Any]:
        replies = self._db._run([["MULTI"], *commands, ["EXEC"]])
        done = replies[-1]
        if isinstance(done, list):
            return done
        queued = replies[1:-1]  # one of them was refused, so none was run
        return [reply if isinstance(reply, CommandError) else done for reply in queued]
