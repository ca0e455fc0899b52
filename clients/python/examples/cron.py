"""A job for cron: it counts its runs and says nothing, unless something is wrong, which cron then mails.

    */5 * * * *  cd /srv/shop && python cron.py

It may run beside itself, a server and a shell: processes take turns with the database.
"""

import datetime
import shutil
import sys

import nubdb

DISK = "/"


def main():
    free = shutil.disk_usage(DISK).free
    now = datetime.datetime.now(datetime.timezone.utc)
    with nubdb.Batch("jobs.db", timeout=30) as batch:
        batch.incr("disk:runs")
        batch.set("disk:last", now.isoformat(timespec="seconds"))
        batch.set(f"disk:free:{now:%Y-%m-%dT%H:%M}", free, ex=datetime.timedelta(days=7))
    if free < 1 << 20:
        print(f"{DISK} is full: {free} bytes left")


if __name__ == "__main__":
    try:
        main()
    except nubdb.NubDBError as e:
        sys.exit(f"{sys.argv[0]}: {e}")
