"""The protocol of Redis, version 2."""

from __future__ import annotations

import socket
from typing import Any, Iterable, Iterator, List, Tuple

from . import _words
from ._words import Word
from .errors import CommandError, ConnectionError

_RECEIVE = 64 << 10

# How many bytes of requests are sent before their replies are read. A server does not read from a client that
# does not read its replies, so both would wait for each other if all were sent first.
_SEND = 64 << 10


def request(words: Iterable[Word]) -> bytes:
    """A command as bytes."""
    encoded = [_words.encode(word) for word in words]
    if not encoded:
        raise ValueError("a command has at least one word")
    parts = [b"*%d\r\n" % len(encoded)]
    for word in encoded:
        parts += (b"$%d\r\n" % len(word), word, b"\r\n")
    return b"".join(parts)


class Replies:
    """Reads replies from a socket."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._buffer = bytearray()
        self._at = 0  # what is before has been used

    def next(self) -> Any:
        """The next reply: bytes, int, None, a list, or a CommandError."""
        line = self._line()
        kind, rest = line[:1], line[1:]
        if kind == b"+":
            return rest
        if kind == b"-":
            return CommandError(_words.decode(rest))
        if kind == b":":
            return int(rest)
        if kind == b"$":
            size = int(rest)
            return None if size < 0 else self._bytes(size)
        if kind == b"*":
            size = int(rest)
            return None if size < 0 else [self.next() for _ in range(size)]
        raise ConnectionError(f"the server answers in another protocol: {bytes(line[:40])!r}")

    def _line(self) -> bytes:
        searched = self._at
        while True:
            end = self._buffer.find(b"\r\n", searched)
            if end >= 0:
                line = bytes(self._buffer[self._at:end])
                self._at = end + 2
                return line
            searched = max(self._at, len(self._buffer) - 1)
            searched -= self._receive()

    def _bytes(self, size: int) -> bytes:
        while len(self._buffer) - self._at < size + 2:
            self._receive()
        value = bytes(self._buffer[self._at:self._at + size])
        self._at += size + 2
        return value

    def _receive(self) -> int:
        """Wait for more bytes; what has been used is dropped, so many bytes."""
        used, self._at = self._at, 0
        del self._buffer[:used]
        received = self._sock.recv(_RECEIVE)
        if not received:
            raise ConnectionError("the server has closed the connection")
        self._buffer += received
        return used


def converted(reply: Any, decode: bool) -> Any:
    """A reply with str in the place of bytes, if they are to be decoded."""
    if isinstance(reply, bytes):
        return _words.decode(reply) if decode else reply
    if isinstance(reply, list):
        return [converted(element, decode) for element in reply]
    return reply


def requests(commands: Iterable[List[Word]]) -> Iterator[Tuple[bytes, int]]:
    """Commands as pieces to be sent, and how many commands are in each."""
    piece: List[bytes] = []
    size = 0
    for words in commands:
        piece.append(request(words))
        size += len(piece[-1])
        if size >= _SEND:
            yield b"".join(piece), len(piece)
            piece, size = [], 0
    if piece:
        yield b"".join(piece), len(piece)
