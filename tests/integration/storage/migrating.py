"""A process that takes a database from schema 1 to 3, telling each step: `python migrating.py STATE_DIR`.

Step 2 ends only once stdin does.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from stack.storage import Storage


def tell(line):
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


FIRST = "CREATE TABLE item (n INTEGER PRIMARY KEY); INSERT INTO item VALUES (1)"
ROWS = 200_000


def second(connection):
    connection.executemany("INSERT INTO item VALUES (?)", ((n,) for n in range(2, ROWS)))
    tell("step 2")
    sys.stdin.read()


def third(connection):
    tell("step 3")
    connection.execute("ALTER TABLE item ADD COLUMN text TEXT NOT NULL DEFAULT 'x'")


async def main(state_dir):
    storage = Storage(Path(state_dir))
    tell("ready")
    await storage.database("items", [FIRST, second, third])
    tell("done")
    await storage.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
