"""A process that stores and tells: `python inserting.py STATE_DIR PREFIX ROWS [COUNT [AT_ONCE]]`.

Each write holds ROWS rows of one name. Before it, the name is told as `try NAME`, and once it is stored as `ack NAME`.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
from functools import partial
from pathlib import Path

from stack.storage import Storage


def tell(line):
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


SCHEMA = ["CREATE TABLE part (name TEXT NOT NULL, n INTEGER NOT NULL, text TEXT, PRIMARY KEY (name, n))"]


def put(connection, name, rows):
    connection.executemany("INSERT INTO part VALUES (?, ?, ?)", ((name, n, "x" * 200) for n in range(rows)))


async def insert(database, names, rows):
    for name in names:
        tell(f"try {name}")
        await database.write(partial(put, name=name, rows=rows))
        tell(f"ack {name}")


async def main(state_dir, prefix, rows, count=None, at_once=4):
    storage = Storage(Path(state_dir))
    database = await storage.database("parts", SCHEMA)
    tell("ready")
    numbers = range(int(count)) if count else itertools.count()
    names = (f"{prefix}-{number}" for number in numbers)
    await asyncio.gather(*(insert(database, names, int(rows)) for _ in range(int(at_once))))
    await storage.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
