"""Words of commands, and the commands that all ways to the database have."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import Any, Callable, Iterable, List, Tuple, Union

Word = Union[str, bytes, int, float]
Seconds = Union[int, float, timedelta]
Built = Tuple[List[Word], Callable[[Any], Any]]


def encode(word: Word) -> bytes:
    """A word as bytes. A str that decode made of bytes that are not UTF-8 becomes those again."""
    if isinstance(word, bytes):
        return word
    if isinstance(word, (bytearray, memoryview)):
        return bytes(word)
    if isinstance(word, str):
        return word.encode("utf-8", "surrogateescape")
    if isinstance(word, bool) or not isinstance(word, (int, float)):
        raise TypeError(f"a word of a command is str, bytes, int or float, not {type(word).__name__}")
    return repr(word).encode()


def decode(value: bytes) -> str:
    """Bytes as a str. What is not UTF-8 becomes lone surrogates, which encode undoes."""
    return value.decode("utf-8", "surrogateescape")


def json_line(words: Iterable[Word]) -> bytes:
    """A command as a line of batch input, whatever its bytes are."""
    array: List[Any] = []
    for word in words:
        raw = encode(word)
        try:
            array.append(raw.decode("utf-8"))
        except UnicodeDecodeError:
            array.append({"base64": base64.b64encode(raw).decode()})
    if not array:
        raise ValueError("a command has at least one word")
    return json.dumps(array).encode() + b"\n"


def shown(words: Iterable[Word]) -> str:
    """A command for people, at most 80 characters, without its secrets."""
    listed = [decode(encode(word)) for word in words]
    if listed and listed[0].upper() in ("AUTH", "HELLO"):
        del listed[1:]
    elif [word.upper() for word in listed[:2]] == ["CONFIG", "SET"]:
        del listed[2:]
    text = " ".join(listed).encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= 80 else text[:77] + "..."


def _same(reply: Any) -> Any:
    return reply


def _milliseconds(duration: Seconds) -> int:
    seconds = duration.total_seconds() if isinstance(duration, timedelta) else duration
    return round(seconds * 1000)


def set_(key: Word, value: Word, ex: Union[Seconds, None], nx: bool, xx: bool, keep_ttl: bool) -> Built:
    words: List[Word] = ["SET", key, value]
    if ex is not None:
        words += ["PX", _milliseconds(ex)]
    if nx:
        words.append("NX")
    if xx:
        words.append("XX")
    if keep_ttl:
        words.append("KEEPTTL")
    return words, lambda reply: reply is not None


def get(key: Word) -> Built:
    return ["GET", key], _same


def delete(keys: Tuple[Word, ...]) -> Built:
    return ["DEL", *keys], _same


def exists(keys: Tuple[Word, ...]) -> Built:
    return ["EXISTS", *keys], _same


def incr(key: Word, by: int) -> Built:
    return ["INCRBY", key, by], _same


def decr(key: Word, by: int) -> Built:
    return ["DECRBY", key, by], _same


def size() -> Built:
    return ["DBSIZE"], _same


def clear() -> Built:
    return ["FLUSHDB"], lambda reply: None


def expire(key: Word, after: Seconds) -> Built:
    return ["PEXPIRE", key, _milliseconds(after)], lambda reply: reply == 1


def ttl(key: Word) -> Built:
    return ["TTL", key], _same
