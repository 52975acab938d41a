"""What keeping state costs: one durable write, one read, writes at once; against apsw alone and SQLAlchemy, if there.

    python benchmarks/storage.py [FOLDER]

The folder's disk is what is measured. Rounds alternate between the candidates; the median of the rounds is printed.
"""

from __future__ import annotations

import asyncio
import importlib.util
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

import apsw

from stack.storage import Storage

ROUNDS, EACH = 5, 300
TABLE = "CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)"
INSERT, SELECT, TEXT = "INSERT INTO t (b) VALUES (?)", "SELECT b FROM t WHERE a = 7", "x" * 100
Round = Callable[[Path], Awaitable[dict[str, float]]]


async def microseconds(calls: Iterable[Awaitable[object]], *, at_once: bool = False) -> float:
    """The time of one of `EACH` calls."""
    began = time.perf_counter()
    if at_once:
        await asyncio.gather(*calls)
    else:
        for call in calls:
            await call
    return (time.perf_counter() - began) / EACH * 1e6


async def apsw_alone(folder: Path) -> dict[str, float]:
    """In the event loop's own thread, which nobody may do in a server: the floor."""
    connection = apsw.Connection(str(folder / "apsw.db"))
    connection.pragma("journal_mode", "wal")
    connection.pragma("synchronous", "full")
    connection.execute(TABLE)

    async def write() -> None:
        connection.execute(INSERT, (TEXT,))

    async def read() -> None:
        connection.execute(SELECT).fetchone()

    return {
        "write": await microseconds(write() for _ in range(EACH)),
        "read": await microseconds(read() for _ in range(EACH)),
    }


async def storage(folder: Path) -> dict[str, float]:
    opened = Storage(folder)
    database = await opened.database("t", [TABLE])

    def write(connection: apsw.Connection) -> None:
        connection.execute(INSERT, (TEXT,))

    def read(connection: apsw.Connection) -> object:
        return connection.execute(SELECT).get

    found = {
        "write": await microseconds(database.write(write) for _ in range(EACH)),
        "read": await microseconds(database.read(read) for _ in range(EACH)),
        "at once": await microseconds((database.write(write) for _ in range(EACH)), at_once=True),
    }
    await opened.close()
    return found


async def sqlalchemy(folder: Path) -> dict[str, float]:
    from sqlalchemy import event, text
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine(f"sqlite+aiosqlite:///{folder}/sqlalchemy.db")
    event.listen(engine.sync_engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous = full"))

    async def write() -> None:
        async with engine.begin() as connection:
            await connection.execute(text("INSERT INTO t (b) VALUES (:b)"), {"b": TEXT})

    async def read() -> None:
        async with engine.connect() as connection:
            (await connection.execute(text(SELECT))).scalar()

    async with engine.begin() as connection:
        await connection.execute(text("PRAGMA journal_mode = wal"))
        await connection.execute(text(TABLE))
    found = {
        "write": await microseconds(write() for _ in range(EACH)),
        "read": await microseconds(read() for _ in range(EACH)),
        "at once": await microseconds((write() for _ in range(EACH)), at_once=True),
    }
    await engine.dispose()
    return found


def import_ms(module: str) -> float:
    """How much longer an interpreter takes that imports it, the best of five."""

    def best(code: str) -> float:
        times = []
        for _ in range(5):
            began = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True)
            times.append(time.perf_counter() - began)
        return min(times)

    return (best(f"import {module}") - best("pass")) * 1e3


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    candidates: dict[str, tuple[Round, str]] = {"apsw alone": (apsw_alone, "apsw"), "storage": (storage, "apsw")}
    if importlib.util.find_spec("aiosqlite") and importlib.util.find_spec("sqlalchemy"):
        candidates["SQLAlchemy"] = (sqlalchemy, "sqlalchemy.ext.asyncio, aiosqlite")
    found: dict[str, list[dict[str, float]]] = {name: [] for name in candidates}
    for _ in range(ROUNDS):
        for name, (run, _modules) in candidates.items():
            with tempfile.TemporaryDirectory(dir=folder) as scratch:
                found[name].append(asyncio.run(run(Path(scratch))))
    for name, (_run, modules) in candidates.items():
        medians = {kind: statistics.median(each[kind] for each in found[name]) for kind in found[name][0]}
        told = ", ".join(f"{kind} {value:.0f} us" for kind, value in medians.items())
        print(f"{name}: {told}, import {import_ms(modules):.0f} ms")


if __name__ == "__main__":
    main()
