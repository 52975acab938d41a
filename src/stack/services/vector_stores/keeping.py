"""What must happen though nobody asks: stores expire, stores of run.yaml are made, lost ones are found again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from contextvars import Context
from pathlib import Path
from typing import TYPE_CHECKING

from stack.apis.inference import Inference
from stack.apis.vector_io import VectorIO, VectorStoreSpec
from stack.config.vector_stores import DeclaredStore
from stack.errors import Conflict, StackError, Unsupported
from stack.routing.instance import Instance
from stack.routing.vector_io import VectorIORouter
from stack.services.vector_stores.creation import Creation
from stack.services.vector_stores.embedding import Embedder
from stack.services.vector_stores.pages import forget_places
from stack.services.vector_stores.records import StoreRecord
from stack.services.vector_stores.registry import STORES, Registry, add_store, find_store
from stack.services.vector_stores.stores import Stores

if TYPE_CHECKING:
    from apsw import Connection
    from structlog.typing import FilteringBoundLogger

EVERY_S = 30.0
SCRATCH_AGE_S = 3600.0  # nobody reads a file for so long


class Keeper:
    """Looks after the stores, at the start and then again and again. clock: Unix seconds."""

    def __init__(
        self,
        registry: Registry,
        stores: Stores,
        creation: Creation,
        embedder: Embedder,
        router: VectorIORouter,
        inference: Inference,
        declared: Sequence[DeclaredStore],
        folder: Callable[[], Path],
        clock: Callable[[], float],
        log: FilteringBoundLogger,
    ) -> None:
        self._registry = registry
        self._stores = stores
        self._creation = creation
        self._embedder = embedder
        self._router = router
        self._inference = inference
        self._undeclared = list(declared)
        self._unread = list(router.instances.values())
        self._folder = folder
        self._clock = clock
        self._log = log
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Look after them from now on."""
        self._task = asyncio.create_task(self._keep_on(), context=Context())

    async def stop(self) -> None:
        """End what runs in the background."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def expire(self) -> None:
        """Expire the stores that are due."""
        now = self._clock()
        for record in await self._registry.all():
            if record.phase == "live" and (due := record.expires_at) is not None and due <= now:
                await self._stores.expire(record)
                self._log.info("vector store expired", store=record.id)
        await (await self._registry.database()).write(lambda connection: forget_places(connection, now))

    async def recover(self) -> None:
        """Take up the stores that an engine holds and the registry lacks, of each engine that answers."""
        for instance in list(self._unread):
            if instance.provider is None:
                continue
            try:
                for spec in await instance.provider.list_stores():
                    await self._take_up(spec, instance)
            except Unsupported:
                pass
            except StackError as error:  # it is asked again the next time; others need not wait for it
                self._log.warning("vector stores not read", provider=instance.provider_id, reason=error.message)
                continue
            self._unread.remove(instance)

    async def declare(self) -> None:
        """Make the stores of run.yaml; what cannot be made now is tried again."""
        for declared in list(self._undeclared):
            try:
                await self._creation.declare(declared)
                self._undeclared.remove(declared)
            except Conflict:  # another process makes it; the next time will show whether it is as declared
                continue
            except StackError as error:
                self._log.error("vector store not made", store=declared.vector_store_id, reason=error.message)

    async def report(self) -> None:
        """Tell which stores cannot be used, and why."""
        missing: dict[str, str] = {}
        for record in await self._registry.all():
            model = record.embedding_model
            if record.provider_id not in self._router.instances:
                reason = f"run.yaml has no provider `{record.provider_id}`"
            elif model and model not in missing:
                found = await self._inference.check_model_availability(model)
                missing[model] = reason = f"nobody serves the model `{model}`" if found.status == "absent" else ""
            else:
                reason = missing.get(model, "")
            if reason:
                self._log.error("vector store unavailable", store=record.id, reason=reason)

    async def _keep_on(self) -> None:
        is_told = False
        while True:
            try:
                await self.expire()
                await self.declare()
                await self.recover()
                if not is_told:
                    await self.report()
                    await asyncio.to_thread(_sweep, self._folder())
                    is_told = True
            except Exception as error:  # the next time may be better
                is_bug = not isinstance(error, StackError)
                reason = type(error).__name__ if is_bug else str(error)
                self._log.warning("vector stores not looked after", reason=reason, exc_info=is_bug)
            await asyncio.sleep(EVERY_S)

    async def _take_up(self, spec: VectorStoreSpec, instance: Instance[VectorIO]) -> None:
        if await self._registry.find(spec.vector_store_id) is not None:
            return
        record = await self._recovered(spec, instance.provider_id)

        def write(connection: Connection) -> bool:
            gone = connection.execute("SELECT 1 FROM gone WHERE list = ? AND id = ?", (STORES, record.id)).fetchone()
            if gone is not None or find_store(connection, record.id) is not None:
                return False
            add_store(connection, record)
            return True

        if await (await self._registry.database()).write(write):
            told = {"provider": record.provider_id, "embedding_model": record.embedding_model}  # the latter is a guess
            self._log.warning("vector store recovered", store=record.id, **told)

    async def _recovered(self, spec: VectorStoreSpec, provider_id: str) -> StoreRecord:
        """What can be known of a store from its engine; the default model is its, if the dimension fits."""
        try:
            model, dimension, asks = await self._embedder.choose(None, None)
        except StackError:
            model, dimension, asks = "", 0, False
        now, fits = int(self._clock()), dimension == spec.dimension
        return StoreRecord(
            id=spec.vector_store_id,
            phase="live",
            name="",
            description=None,
            metadata=None,
            created_at=now,
            last_active_at=now,
            expires_days=None,
            provider_id=provider_id,
            provider_vector_store_id=spec.provider_vector_store_id or spec.vector_store_id,
            embedding_model=model if fits else "",
            asks_dimension=asks and fits,
            dimension=spec.dimension,
            metric=spec.metric,
            params=spec.params,
        )


def _sweep(folder: Path) -> None:
    """Remove what processes that were killed left of the files they read."""
    for path in folder.glob(".*"):
        with suppress(FileNotFoundError):  # its reader is done
            if path.stat().st_mtime < time.time() - SCRATCH_AGE_S:
                path.unlink()
