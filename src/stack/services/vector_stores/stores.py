"""Vector stores: listed, changed, expired, deleted; and what stands between a store's id and its provider."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import Context
from typing import TYPE_CHECKING, TypeVar

from stack.apis.vector_checks import unknown_store
from stack.apis.vector_stores import (
    ListRequest,
    Page,
    VectorStore,
    VectorStoreDeleted,
    VectorStoreUpdateRequest,
)
from stack.errors import InvalidRequest, NotFound, ProviderUnavailable, StackError
from stack.routing.vector_io import VectorIORouter
from stack.services.vector_stores.pages import page_of
from stack.services.vector_stores.records import StoreRecord
from stack.services.vector_stores.registry import Registry, remove_store
from stack.services.vector_stores.work import Worker, owe

if TYPE_CHECKING:
    from apsw import Connection

T = TypeVar("T")

ACTIVE_EVERY_S = 60  # how exactly `last_active_at` is kept


class Stores:
    """The stores of one stack. clock: Unix seconds."""

    def __init__(
        self,
        registry: Registry,
        router: VectorIORouter,
        worker: Worker,
        clock: Callable[[], float],
    ) -> None:
        self._registry = registry
        self._router = router
        self._worker = worker
        self._clock = clock
        self._active: set[asyncio.Task[StoreRecord]] = set()

    async def page(self, asked: ListRequest) -> Page[VectorStore]:
        """A page of stores. Raises: InvalidRequest."""
        data, has_more = await self._registry.page(asked)
        return page_of(data, has_more)

    async def retrieve(self, store_id: str) -> VectorStore:
        """One store, expired or not. Raises: NotFound."""
        return await self._registry.shown(await self.record(store_id))

    async def update(self, store_id: str, request: VectorStoreUpdateRequest) -> VectorStore:
        """Change what the request names. Raises: NotFound, InvalidRequest for the expiry of an expired store."""
        record = await self.record(store_id)
        said = request.model_fields_set
        values: dict[str, object] = {"last_active_at": int(self._clock())} if record.phase == "live" else {}
        if "expires_after" in said:
            if record.phase == "expired":
                raise self._expired(record, "expires_after")
            values["expires_days"] = request.expires_after.days if request.expires_after else None
        if "name" in said:
            values["name"] = request.name or ""
        if "metadata" in said:
            values["metadata"] = request.metadata
        return await self._registry.shown(await self._registry.change(store_id, **values))

    async def delete(self, store_id: str) -> VectorStoreDeleted:
        """Remove a store with its chunks; the files stay. One that cannot be removed now will be. Raises: NotFound."""
        record = await self.record(store_id)
        await self._worker.interrupt(store_id)

        def write(connection: Connection) -> None:
            connection.execute("DELETE FROM jobs WHERE store_id = ? AND file_id != ''", (record.id,))
            owe(connection, "drop", record.id)

        await (await self._registry.database()).write(write)
        await self._worker.complete(record.id)
        return VectorStoreDeleted(id=record.id)

    async def record(self, store_id: str) -> StoreRecord:
        """What is known of a store, which expires now if it is due.

        Raises: NotFound; ProviderUnavailable `vector_store_unavailable` for one of run.yaml that is not made yet.
        """
        record = await self._registry.find(store_id)
        if record is None and await self._registry.is_begun(store_id):
            message = f"vector store `{store_id}` is not made yet: if its provider cannot make it, the log says why"
            raise ProviderUnavailable(message, code="vector_store_unavailable")
        if record is None:
            raise unknown_store(store_id)
        if record.phase == "live" and (due := record.expires_at) is not None and due <= self._clock():
            record = await self.expire(record)
        return record

    async def usable(self, store_id: str) -> StoreRecord:
        """A store whose provider can be asked about it. Raises: NotFound, InvalidRequest `vector_store_expired`,
        ProviderUnavailable `vector_store_unavailable`.
        """
        record = await self.record(store_id)
        if record.phase == "expired":
            raise self._expired(record, "vector_store_id")
        self.place(record)
        if self._clock() - record.last_active_at >= ACTIVE_EVERY_S:
            self._note_activity(record)
        return record

    def place(self, record: StoreRecord) -> None:
        """Tell the router where a store is. Raises: ProviderUnavailable."""
        if record.provider_id not in self._router.instances:
            message = (
                f"vector store `{record.id}` is with provider `{record.provider_id}`, which this stack does not have:"
                " add it to run.yaml"
            )
            raise ProviderUnavailable(message, code="vector_store_unavailable")
        self._router.place(record.id, record.provider_id)

    async def asked(self, record: StoreRecord, answer: Awaitable[T]) -> T:
        """What the engine says about a store; that it lacks one that is registered is no fault of the caller's."""
        try:
            return await answer
        except NotFound as error:
            if error.code != "vector_store_not_found" or await self._registry.find(record.id) is None:
                raise
            message = f"provider `{record.provider_id}` has lost vector store `{record.id}`: restore it, or delete it"
            raise ProviderUnavailable(message, code="vector_store_unavailable") from error

    async def expire(self, record: StoreRecord) -> StoreRecord:
        """Expire a store that is due: nobody can use it from now on, and its chunks go next."""
        now = self._clock()

        def write(connection: Connection) -> bool:
            due = (
                "UPDATE stores SET phase = 'expired' WHERE id = ? AND phase = 'live'"
                " AND last_active_at + expires_days * 86400 <= ? RETURNING 1"
            )
            if connection.execute(due, (record.id, int(now))).fetchone() is None:
                return False  # it was used, or expired by another process
            connection.execute("DELETE FROM jobs WHERE store_id = ? AND file_id != ''", (record.id,))
            connection.execute("DELETE FROM files WHERE store_id = ?", (record.id,))
            owe(connection, "expire", record.id)
            return True

        if await (await self._registry.database()).write(write):
            await self._worker.interrupt(record.id)
            self._worker.wake()
        found = await self._registry.find(record.id)
        if found is None:
            raise unknown_store(record.id)
        return found

    async def drop(self, record: StoreRecord) -> None:
        """Remove a store from its engine; where that is gone, nothing is left to remove."""
        if record.provider_id in self._router.instances:
            self.place(record)
            await self._router.delete_store(record.id)
            self._router.displace(record.id)

    def forget(self, connection: Connection, store_id: str) -> None:
        """Remove a store from the registry."""
        remove_store(connection, store_id, self._clock())

    async def settle(self) -> None:
        """Wait until what was noted in passing is written."""
        await asyncio.gather(*self._active, return_exceptions=True)

    def _note_activity(self, record: StoreRecord) -> None:
        noting = self._registry.change(record.id, last_active_at=int(self._clock()))
        task = asyncio.create_task(noting, context=Context())
        self._active.add(task)
        task.add_done_callback(self._noted)

    def _noted(self, task: asyncio.Task[StoreRecord]) -> None:
        self._active.discard(task)
        if not task.cancelled() and (error := task.exception()) and not isinstance(error, StackError):
            raise error

    @staticmethod
    def _expired(record: StoreRecord, param: str) -> InvalidRequest:
        message = f"vector store `{record.id}` has expired, {record.expires_days} days after its last use: make another"
        return InvalidRequest(message, param=param, code="vector_store_expired")
