"""Commands that are collected and sent together."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Any, Callable, List, Optional, Tuple, Type, TypeVar

from . import _words
from ._words import Seconds, Word
from .errors import CommandError

Self = TypeVar("Self", bound="Queue")


class Queue(ABC):
    """Commands that are sent together by execute, or at the end of a with statement that ends well.

    The methods that are named after commands add one and return the queue itself.
    """

    def __init__(self) -> None:
        self._queued: List[Tuple[List[Word], Callable[[Any], Any]]] = []
        self.replies: List[Any] = []
        """What the last execute returned."""

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        if kind is None and self._queued:
            self.execute()
        self._queued = []

    def __len__(self) -> int:
        return len(self._queued)

    def execute(self, check: bool = True) -> List[Any]:
        """Send the commands and return their replies, in order.

        With check the first command that failed raises a CommandError, after all have been run; its replies
        are those of all. Without it each error is in the place of the reply.
        """
        queued, self._queued = self._queued, []
        replies = self._send([words for words, _ in queued])
        self.replies = [
            reply if isinstance(reply, CommandError) else convert(reply)
            for reply, (_, convert) in zip(replies, queued)
        ]
        if check:
            raise_first(self.replies)
        return self.replies

    @abstractmethod
    def _send(self, commands: List[List[Word]]) -> List[Any]:
        """Run the commands; an error takes the place of a reply."""

    def command(self: Self, *words: Word) -> Self:
        """Add any command."""
        return self._add((list(words), lambda reply: reply))

    def _add(self: Self, built: _words.Built) -> Self:
        self._queued.append(built)
        return self

    def set(
        self: Self, key: Word, value: Word, *, ex: Optional[Seconds] = None,
        nx: bool = False, xx: bool = False, keep_ttl: bool = False,
    ) -> Self:
        return self._add(_words.set_(key, value, ex, nx, xx, keep_ttl))

    def get(self: Self, key: Word) -> Self:
        return self._add(_words.get(key))

    def delete(self: Self, *keys: Word) -> Self:
        return self._add(_words.delete(keys))

    def exists(self: Self, *keys: Word) -> Self:
        return self._add(_words.exists(keys))

    def incr(self: Self, key: Word, by: int = 1) -> Self:
        return self._add(_words.incr(key, by))

    def decr(self: Self, key: Word, by: int = 1) -> Self:
        return self._add(_words.decr(key, by))

    def size(self: Self) -> Self:
        return self._add(_words.size())

    def clear(self: Self) -> Self:
        return self._add(_words.clear())

    def expire(self: Self, key: Word, after: Seconds) -> Self:
        return self._add(_words.expire(key, after))

    def ttl(self: Self, key: Word) -> Self:
        return self._add(_words.ttl(key))


def first_error(reply: Any) -> Optional[CommandError]:
    """The first error in a reply, which may be that of EXEC, or in a list of them."""
    if isinstance(reply, CommandError):
        return reply
    if isinstance(reply, list):
        for element in reply:
            error = first_error(element)
            if error is not None:
                return error
    return None


def raise_first(replies: List[Any]) -> None:
    """Raise the first error among replies, if there is one."""
    error = first_error(replies)
    if error is not None:
        error.replies = replies
        raise error
