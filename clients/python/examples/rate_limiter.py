"""At most so many requests of a client in a window of time.

    nubdb --server &
    python rate_limiter.py
"""

import sys
import time

from nubdb import NubDB


class RateLimiter:
    def __init__(self, db, limit, seconds):
        self.db = db
        self.limit = limit
        self.seconds = seconds

    def allow(self, client):
        """Count a request, and tell whether it is within the limit."""
        window = int(time.time() / self.seconds)
        key = f"rate:{client}:{window}"
        with self.db.pipeline(atomic=True) as p:
            p.incr(key).expire(key, self.seconds)  # the next window has another key
        return p.replies[0] <= self.limit


if __name__ == "__main__":
    with NubDB(port=int(sys.argv[1]) if len(sys.argv) > 1 else 6379) as db:
        limiter = RateLimiter(db, limit=3, seconds=3600)
        print([limiter.allow("10.0.0.1") for _ in range(5)])
        print([limiter.allow("10.0.0.2") for _ in range(2)])
