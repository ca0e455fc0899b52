"""NubDB, a key-value database for scripts.

Two ways lead to a database:

- run and Batch start the program nubdb on a database of this machine, for scripts, cron jobs and migrations;
- NubDB is a connection to a server (nubdb --server), for programs that go on.

Both raise subclasses of NubDBError. For all that this package does not have, redis-py works with the server.
"""

from .batch import Batch, run
from .client import NubDB, Pipeline
from .errors import (
    BusyError,
    CommandError,
    ConnectionError,
    DatabaseError,
    NubDBError,
    TimeoutError,
    UsageError,
)

__version__ = "0.1.0.dev0"

__all__ = [
    "Batch",
    "BusyError",
    "CommandError",
    "ConnectionError",
    "DatabaseError",
    "NubDB",
    "NubDBError",
    "Pipeline",
    "TimeoutError",
    "UsageError",
    "run",
]
