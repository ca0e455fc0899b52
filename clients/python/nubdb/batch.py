"""Commands run by the program nubdb, on a database of this machine: no server is needed."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
from typing import Any, Dict, Iterable, List, Optional, Sequence, Union

from . import _words
from ._queue import Queue, first_error, raise_first
from ._words import Word
from .errors import BusyError, CommandError, DatabaseError, NubDBError, TimeoutError, UsageError

Path = Union[str, "os.PathLike[str]"]
Command = Union[str, Sequence[Word]]

_MARGIN = 5.0  # seconds that nubdb has to leave after its timeout, before it is killed


def run(
    commands: Union[str, Iterable[Command]],
    *,
    db: Optional[Path] = None,
    atomic: bool = False,
    stop_on_error: bool = False,
    readonly: bool = False,
    timeout: Optional[float] = None,
    check: bool = True,
    decode: bool = True,
    binary: Path = "nubdb",
    options: Sequence[str] = (),
) -> List[Any]:
    """Run commands in one process and return their replies, in order.

    commands is the text of a script, or a list in which a command is either a line of text, such as
    'SET user:1 "Alice"', or a sequence of words, such as ["SET", "user:1", name], which are taken
    as they are whatever bytes they hold. When run returns everything is on stable storage.

    db is the directory of the database; $NUBDB_DB or nubdb.db if None. With atomic all of the commands
    happen or none. With stop_on_error the first that fails is the last; otherwise the others run.
    timeout is in seconds, waiting for other processes included. options are further flags of nubdb.

    Strings come back as str, with surrogateescape for what is not UTF-8; with decode=False as bytes.
    With check the first command that failed raises a CommandError that knows its line; without it
    each error is in the place of the reply. Other errors: UsageError, BusyError, TimeoutError and
    DatabaseError.
    """
    args = [os.fspath(binary), "--json", *options]
    if db is not None:
        args += ["--db", os.fspath(db)]
    args += [flag for flag, on in (("--atomic", atomic), ("-e", stop_on_error), ("--readonly", readonly)) if on]
    limit = None
    if timeout is not None:
        args += ["--timeout", f"{max(1, round(timeout * 1000))}ms"]
        limit = timeout + _MARGIN
    text = _script(commands)
    try:
        done = subprocess.run(args, input=text, capture_output=True, timeout=limit)
    except subprocess.TimeoutExpired as e:
        raise TimeoutError(f"nubdb did not end within {limit} seconds") from e
    errors = done.stderr.decode("utf-8", "replace")
    replies = [_reply(line, text, decode) for line in done.stdout.split(b"\n") if line]
    if done.returncode in (1, 3):
        if first_error(replies) is None:
            raise _fault(errors, text)
        if check or atomic:
            raise_first(replies)
    elif done.returncode != 0:
        raise _failure(done.returncode, errors)
    return replies


class Batch(Queue):
    """Commands for one run of the program nubdb.

        with Batch("shop.db", atomic=True) as batch:
            batch.set("user:1", "Alice").incr("users")
        print(batch.replies)

    The options are those of run, but for check, which is an argument of execute.
    """

    def __init__(self, db: Optional[Path] = None, **options: Any) -> None:
        super().__init__()
        self._db = db
        self._options = options

    def _send(self, commands: List[List[Word]]) -> List[Any]:
        return run(commands, db=self._db, check=False, **self._options)


def _script(commands: Union[str, Iterable[Command]]) -> bytes:
    """The input of nubdb. Of a list every command is one line, so that lines are numbers in the list."""
    if isinstance(commands, str):
        return _words.encode(commands)
    lines = []
    for command in commands:
        if not isinstance(command, str):
            lines.append(_words.json_line(command))
        elif "\n" in command:
            raise ValueError(f"a command in a list is one line; give words instead: {command!r}")
        else:
            lines.append(_words.encode(command) + b"\n")
    return b"".join(lines)


def _reply(output: bytes, text: bytes, decode: bool) -> Any:
    """The reply that a line of output is."""
    reply = json.loads(output)
    if "error" in reply:
        return _error(reply["error"], reply["line"], text)

    def value(v: Any) -> Any:
        if isinstance(v, str):
            return v if decode else _words.encode(v)
        if isinstance(v, list):
            return [value(element) for element in v]
        if isinstance(v, dict) and v.keys() == {"base64"}:
            raw = base64.b64decode(v["base64"])
            return _words.decode(raw) if decode else raw
        if isinstance(v, dict) and v.keys() == {"error"}:  # of a command that EXEC has run
            return _error(v["error"], reply["line"], text)
        if isinstance(v, dict):
            return {value(key): value(element) for key, element in v.items()}
        return v

    return value(reply["value"])


def _error(error: Dict[str, str], line: int, text: bytes) -> CommandError:
    """An error, with the command as it is in the input, but for secrets."""
    command = text.split(b"\n")[line - 1]
    words: List[Word]
    try:
        array = json.loads(command)
        words = [word if isinstance(word, str) else base64.b64decode(word["base64"]) for word in array]
    except (ValueError, TypeError, KeyError):
        words = list(command.split())
    return CommandError(f"{error['code']} {error['message']}", line, _words.shown(words))


def _fault(errors: str, text: bytes) -> NubDBError:
    """What the program found in its input before it ran anything."""
    found = re.search(r"^(?:nubdb: )?<stdin>:(\d+)(?::\d+)?: (.*)$", errors, re.MULTILINE)
    if not found:
        return NubDBError(_said(errors))
    code, _, message = found.group(2).partition(" ")
    return _error({"code": code, "message": message}, int(found.group(1)), text)


def _failure(status: int, errors: str) -> NubDBError:
    kinds = {2: UsageError, 5: BusyError, 6: DatabaseError, 124: TimeoutError}
    return kinds.get(status, NubDBError)(_said(errors) or f"nubdb ended with status {status}")


def _said(errors: str) -> str:
    """The last line on stderr, which is about the run as a whole."""
    lines = errors.strip().splitlines()
    return lines[-1].replace("nubdb: ", "", 1) if lines else ""
