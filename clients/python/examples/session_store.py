"""Sessions of a web application: each expires half an hour after it was last used.

    nubdb --server &
    python session_store.py
"""

import json
import secrets
import sys

from nubdb import NubDB

LIFETIME = 30 * 60  # seconds


class Sessions:
    def __init__(self, db):
        self.db = db

    def create(self, **data):
        """A new session; the cookie to give to the browser."""
        cookie = secrets.token_urlsafe(32)
        self.db.set(f"session:{cookie}", json.dumps(data), ex=LIFETIME)
        return cookie

    def load(self, cookie):
        """What is in a session, which lives on from now; None if it has ended."""
        text = self.db.execute("GETEX", f"session:{cookie}", "EX", LIFETIME)
        return None if text is None else json.loads(text)

    def save(self, cookie, **data):
        """Put other data into a session. False if it has ended meanwhile: it does not come back."""
        return self.db.set(f"session:{cookie}", json.dumps(data), ex=LIFETIME, xx=True)

    def end(self, cookie):
        self.db.delete(f"session:{cookie}")


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 6379
    with NubDB(port=port) as db:
        sessions = Sessions(db)
        cookie = sessions.create(user="Alice", basket=[])
        print("loaded:", sessions.load(cookie))
        print("saved:", sessions.save(cookie, user="Alice", basket=["tea"]))
        print("loaded:", sessions.load(cookie))
        sessions.end(cookie)
        print("after the end:", sessions.load(cookie), sessions.save(cookie, user="Mallory"))
