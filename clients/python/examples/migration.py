"""Move users from user:ID:name and user:ID:mail to one JSON object each: all of them or none.

    python migration.py shop.db

If anything is wrong with one of them, or the machine goes down, the database is as it was. A second run finds
nothing to do.
"""

import json
import sys

import nubdb


def migrate(db):
    """Returns how many users were moved."""
    names = nubdb.run([["KEYS", "user:*:name"]], db=db)[0]
    ids = [key.split(":")[1] for key in names]
    old = nubdb.run([["MGET", f"user:{id}:name", f"user:{id}:mail"] for id in ids], db=db)
    batch = nubdb.Batch(db, atomic=True)
    for id, (name, mail) in zip(ids, old):
        batch.command("SETNX", f"user:{id}", json.dumps({"name": name, "mail": mail}))
        batch.delete(f"user:{id}:name", f"user:{id}:mail")
    batch.command("SET", "schema", 2)
    batch.execute()
    return len(ids)


if __name__ == "__main__":
    try:
        print(migrate(sys.argv[1] if len(sys.argv) > 1 else None), "users moved")
    except nubdb.NubDBError as e:
        sys.exit(f"nothing was changed: {e}")
