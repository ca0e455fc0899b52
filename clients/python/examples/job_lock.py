"""A lock between jobs: one at a time, and one that crashes does not lock out the others for ever.

    python job_lock.py sh -c 'echo working; sleep 1'

No server is needed: every step is a run of nubdb. The exit status is that of the command,
or 75 (EX_TEMPFAIL) if another job holds the lock.
"""

import contextlib
import os
import secrets
import subprocess
import sys

import nubdb

LIFETIME = 3600  # seconds after which a job is taken for dead


class Locked(Exception):
    """Another job holds the lock."""


@contextlib.contextmanager
def lock(name, seconds=LIFETIME, db=None):
    token = f"{os.getpid()}:{secrets.token_hex(8)}"
    if nubdb.run([["SET", f"lock:{name}", token, "NX", "EX", seconds]], db=db) == [None]:
        holder = nubdb.run([["GET", f"lock:{name}"]], db=db)[0]
        raise Locked(f"{name} is locked by process {holder.partition(':')[0] if holder else 'unknown'}")
    try:
        yield
    finally:
        # Deleted only if it is still ours: it may have expired and be another's by now.
        nubdb.run([["DELIFEQ", f"lock:{name}", token]], db=db)


if __name__ == "__main__":
    try:
        with lock("job"):
            status = subprocess.call(sys.argv[1:])
    except Locked as e:
        print(e, file=sys.stderr)
        status = 75
    sys.exit(status)
