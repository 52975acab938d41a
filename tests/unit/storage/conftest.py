"""Storage in a folder of its own, on the real disk and with the real library."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stack.storage import Database, Storage

if TYPE_CHECKING:
    from apsw import Connection

SCHEMA = ["CREATE TABLE item (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE)"]
Work = Callable[["Connection"], None]


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
async def storage(state_dir: Path) -> AsyncIterator[Storage]:
    storage = Storage(state_dir)
    yield storage
    await storage.close()


@pytest.fixture
async def database(storage: Storage) -> Database:
    return await storage.database("items", SCHEMA)


@pytest.fixture
def put() -> Callable[[str], Work]:
    """`put("a")`: work that stores an item."""

    def put(text: str) -> Work:
        def work(connection: Connection) -> None:
            connection.execute("INSERT INTO item (text) VALUES (?)", (text,))

        return work

    return put


@pytest.fixture
def texts() -> Callable[[Connection], list[str]]:
    """Work that reads every item's text, in the order of storing."""

    def texts(connection: Connection) -> list[str]:
        return [text for (text,) in connection.execute("SELECT text FROM item ORDER BY id")]

    return texts
