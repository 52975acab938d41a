"""The stores of a stack, as its database knows them: read from memory while nobody has committed anything."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from stack.apis.vector_checks import unknown_store
from stack.apis.vector_stores import FileCounts, ListRequest, VectorStore
from stack.services.vector_stores.pages import Listing, page, remember_place
from stack.services.vector_stores.records import STORE_COLUMNS, StoreRecord
from stack.services.vector_stores.schema import DATABASE, MIGRATIONS
from stack.storage import Database, Storage

if TYPE_CHECKING:
    from apsw import Connection

STORES = "stores"  # the name of the list of stores
_ONE = f"SELECT {STORE_COLUMNS} FROM stores WHERE id = ?"  # noqa: S608
_INSERT = f"INSERT INTO stores ({STORE_COLUMNS.replace('stores.', '')}) VALUES ({', '.join('?' * 15)})"  # noqa: S608
_COUNTS = """
SELECT store_id, status, count(*), sum(usage_bytes) FROM files
WHERE store_id IN (SELECT value FROM json_each(?)) GROUP BY store_id, status
"""


class Registry:
    """Rows of stores. Every process that shares the database sees the same."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._known: dict[str, StoreRecord] = {}
        self._version = -1

    async def database(self) -> Database:
        return await self._storage.database(DATABASE, migrations=MIGRATIONS)

    async def find(self, store_id: str) -> StoreRecord | None:
        """A store that was created, expired or not."""
        database = await self.database()
        version = database.data_version()
        if version != self._version:
            self._known.clear()
            self._version = version
        if (known := self._known.get(store_id)) is None:
            known = await database.read(lambda connection: find_store(connection, store_id))
            if known is None or known.phase == "creating":
                return None
            if version == self._version:
                self._known[store_id] = known
        return known

    async def is_begun(self, store_id: str) -> bool:
        """Whether a store is being made, or was not made to its end."""
        found = await (await self.database()).read(lambda connection: find_store(connection, store_id))
        return found is not None and found.phase == "creating"

    async def all(self) -> list[StoreRecord]:
        """Every store that was created."""
        query = f"SELECT {STORE_COLUMNS} FROM stores WHERE phase != 'creating' ORDER BY seq"  # noqa: S608
        rows = await (await self.database()).read(lambda connection: list(connection.execute(query)))
        return [StoreRecord.of(row) for row in rows]

    async def shown(self, record: StoreRecord) -> VectorStore:
        """A store with its files counted."""
        return (await (await self.database()).read(lambda connection: with_counts(connection, [record])))[0]

    async def page(self, asked: ListRequest) -> tuple[list[VectorStore], bool]:
        """A page of stores. Raises: InvalidRequest."""
        listing = Listing(STORES, "stores", "id", STORE_COLUMNS, "phase != 'creating'")

        def read(connection: Connection) -> tuple[list[VectorStore], bool]:
            rows, has_more = page(connection, listing, asked)
            return with_counts(connection, [StoreRecord.of(row) for row in rows]), has_more

        return await (await self.database()).read(read)

    async def change(self, store_id: str, **values: Any) -> StoreRecord:
        """Set fields of a store. Raises: NotFound."""

        def write(connection: Connection) -> StoreRecord:
            if (found := find_store(connection, store_id)) is None:
                raise unknown_store(store_id)
            changed = replace(found, **values)
            columns = ", ".join(f"{name.strip().replace('stores.', '')} = ?" for name in STORE_COLUMNS.split(","))
            connection.execute(f"UPDATE stores SET {columns} WHERE id = ?", (*changed.row(), store_id))  # noqa: S608
            return changed

        return await (await self.database()).write(write)


def find_store(connection: Connection, store_id: str) -> StoreRecord | None:
    """A store in any phase."""
    row = connection.execute(_ONE, (store_id,)).fetchone()
    return StoreRecord.of(row) if row is not None else None


def check_live(connection: Connection, store_id: str) -> None:
    """Refuse what is written for a store that was deleted, or has expired, meanwhile. Raises: NotFound."""
    store = find_store(connection, store_id)
    if store is None or store.phase != "live":
        raise unknown_store(store_id)


def add_store(connection: Connection, record: StoreRecord) -> None:
    """A new row."""
    connection.execute(_INSERT, record.row())


def remove_store(connection: Connection, store_id: str, now: float) -> None:
    """Remove a store with all that belongs to it."""
    row = connection.execute("DELETE FROM stores WHERE id = ? RETURNING seq", (store_id,)).fetchone()
    if row is not None:
        remember_place(connection, STORES, store_id, row[0], now)


def with_counts(connection: Connection, records: Iterable[StoreRecord]) -> list[VectorStore]:
    """Stores with their files counted, in one reading."""
    found = list(records)
    counts: dict[str, dict[str, int]] = {record.id: {} for record in found}
    sizes = dict.fromkeys(counts, 0)
    for store_id, status, number, size in connection.execute(_COUNTS, (json.dumps(list(counts)),)):
        counts[store_id][status] = number
        sizes[store_id] += size
    return [record.shown(counted(counts[record.id]), sizes[record.id]) for record in found]


def counted(statuses: dict[str, int]) -> FileCounts:
    """Files by status, with their sum."""
    return FileCounts.model_validate({**statuses, "total": sum(statuses.values())})
