"""The exceptions of this package. All are NubDBError."""

from __future__ import annotations

import builtins
from typing import Any, List, Optional


class NubDBError(Exception):
    """Something went wrong with the database or on the way to it."""


class CommandError(NubDBError):
    """A command failed. It had no effect; what was run before it, and after, did.

    Raised by a batch that is atomic, it means that nothing of the batch happened.
    """

    def __init__(self, text: str, line: Optional[int] = None, command: Optional[str] = None) -> None:
        code, _, message = text.partition(" ")
        if not code.isupper():
            code, message = "ERR", text
        self.code = code
        """The first word of the error, such as ERR, EXECABORT or OOM."""
        self.message = message
        """What follows it."""
        self.line = line
        """Where the command is: the line of a script, or its number in a list, from 1."""
        self.command = command
        """The command as it was sent, at most 80 characters; None if that is not known."""
        self.replies: List[Any] = []
        """The replies of the whole batch or pipeline, with a CommandError for each that failed."""
        super().__init__(text)

    def __str__(self) -> str:
        place = "" if self.line is None else f"line {self.line}: "
        what = "" if self.command is None else f": {self.command}"
        return f"{place}{self.code} {self.message}{what}"


class UsageError(NubDBError):
    """The program nubdb was not run in a way that it understands. Nothing was done."""


class BusyError(NubDBError):
    """Another process kept the database for the whole wait."""


class TimeoutError(NubDBError, builtins.TimeoutError):
    """The time was over. What a batch had done by then is done, unless it was atomic."""


class DatabaseError(NubDBError):
    """The database cannot be opened, read or written, or is damaged."""


class ConnectionError(NubDBError, builtins.ConnectionError):
    """The server cannot be reached, or the connection was lost: then commands may have been run."""
