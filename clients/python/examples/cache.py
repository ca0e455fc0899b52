"""A cache in front of something slow, as a decorator.

    nubdb --server &
    python cache.py
"""

import functools
import json
import random
import sys

import nubdb


def cached(db, seconds):
    """Keep what a function returns, by its arguments, as JSON. Without a server the function just runs."""

    def decorate(function):
        @functools.wraps(function)
        def wrapper(*args):
            key = f"cache:{function.__qualname__}:{json.dumps(args)}"
            try:
                text = db.get(key)
            except nubdb.NubDBError:
                return function(*args)
            if text is not None:
                return json.loads(text)
            value = function(*args)
            try:
                # Not all that was made at once is to expire at once.
                db.set(key, json.dumps(value), ex=seconds * random.uniform(0.9, 1.1))
            except nubdb.NubDBError:
                pass
            return value

        wrapper.forget = lambda *args: db.delete(f"cache:{function.__qualname__}:{json.dumps(args)}")
        return wrapper

    return decorate


if __name__ == "__main__":
    db = nubdb.NubDB(port=int(sys.argv[1]) if len(sys.argv) > 1 else 6379)

    @cached(db, seconds=60)
    def square(n):
        print("computing", n)
        return n * n

    print(square(12), square(12), square(13))
    square.forget(12)
    print(square(12))
    db.close()
