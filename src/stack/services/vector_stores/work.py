"""Work that is owed: rows of `jobs`, done by one process at a time under a lease, and again until it is done."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from contextvars import Context
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from stack.errors import StackError
from stack.services.vector_stores.registry import Registry

if TYPE_CHECKING:
    from apsw import Connection
    from structlog.typing import FilteringBoundLogger

Kind = Literal["ingest", "attributes", "clear", "delete", "create", "expire", "drop"]
Key = tuple[str, str]

LEASE_S = 20.0  # a process that does not renew it for so long is taken for dead
RENEW_S = 5.0
POLL_S = 2.0  # for work that other processes leave
WAIT_S = 0.05  # for work that another process does for a caller of ours
LONGEST_PAUSE_S = 30.0

# A clock that jumped back leaves leases far in the future: they count as run out.
_FREE = "(owner IS NULL OR lease_until < :now OR lease_until > :now + 20)"
_TAKE = "UPDATE jobs SET owner = :owner, lease_until = :until, attempts = attempts + 1 WHERE seq = ({})"
_NEXT = f"SELECT seq FROM jobs WHERE not_before <= :now AND {_FREE} ORDER BY kind = 'ingest', seq LIMIT 1"  # noqa: S608
_THIS = f"SELECT seq FROM jobs WHERE store_id = :store_id AND file_id = :file_id AND {_FREE}"  # noqa: S608
_RETURNING = " RETURNING kind, store_id, file_id, attempts, owner"


class LeaseLost(Exception):
    """The job is another's by now, or another job."""


class Job(NamedTuple):
    """Work on a store, or on a file of it, that this process has the lease for. attempts: this one included."""

    kind: Kind
    store_id: str
    file_id: str
    attempts: int
    owner: str

    @property
    def key(self) -> Key:
        return self.store_id, self.file_id

    def finish(self, connection: Connection, then: Kind | None = None) -> None:
        """End the job in the transaction that writes its result; `then`: what to do next. Raises: LeaseLost."""
        values = (*self.key, self.owner, self.kind)
        where = "store_id = ? AND file_id = ? AND owner = ? AND kind = ?"
        if then is None:
            found = connection.execute(f"DELETE FROM jobs WHERE {where} RETURNING 1", values)  # noqa: S608
        else:
            change = "SET kind = ?, attempts = 0, owner = NULL, lease_until = 0, not_before = 0"
            found = connection.execute(f"UPDATE jobs {change} WHERE {where} RETURNING 1", (then, *values))
        if found.fetchone() is None:
            raise LeaseLost


def owe(connection: Connection, kind: Kind, store_id: str, file_id: str = "", *, not_before: float = 0) -> None:
    """Note work; what was owed to the same file or store is replaced, and whoever does it now will notice."""
    connection.execute(
        "INSERT INTO jobs (kind, store_id, file_id, not_before) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
        " kind = excluded.kind, attempts = 0, not_before = excluded.not_before",
        (kind, store_id, file_id, not_before),
    )


def owed(connection: Connection, store_id: str, file_id: str) -> Kind | None:
    """What is owed to a file or store."""
    found = connection.execute("SELECT kind FROM jobs WHERE store_id = ? AND file_id = ?", (store_id, file_id))
    row = found.fetchone()
    return row[0] if row is not None else None


class Worker:
    """Does what is owed: in the background, a few files at once, and for a caller who waits.

    do: does a job and ends it; failed: is asked when that raised, in a transaction, and may end the job itself.
    """

    def __init__(
        self,
        registry: Registry,
        clock: Callable[[], float],
        log: FilteringBoundLogger,
        do: Callable[[Job], Awaitable[None]],
        failed: Callable[[Connection, Job, Exception], bool],
        at_once: int,
    ) -> None:
        self._registry = registry
        self._clock = clock
        self._log = log
        self._do = do
        self._failed = failed
        self._room = asyncio.Semaphore(at_once)
        self._more = asyncio.Event()
        self._tasks: dict[Key, asyncio.Task[Exception | None]] = {}
        self._loop: asyncio.Task[None] | None = None
        self._process = os.urandom(6).hex()
        self._numbers = itertools.count(1)

    def start(self) -> None:
        """Work in the background from now on, on nobody's behalf."""
        self._loop = asyncio.create_task(self._work_on(), context=Context())

    async def stop(self) -> None:
        """Give back what is not done: others go on with it."""
        await _cancel([self._loop] if self._loop else [])  # who begins work before the work
        await _cancel([*self._tasks.values()])

    def wake(self) -> None:
        """There is more to do."""
        self._more.set()

    async def interrupt(self, store_id: str, file_id: str | None = None) -> None:
        """Stop what this process does for a file, or for all of a store's; it is given back when this returns."""
        await _cancel([task for key, task in self._tasks.items() if key[0] == store_id and file_id in (None, key[1])])

    async def complete(self, store_id: str, file_id: str = "") -> None:
        """Do what is owed to a file or store now; return once it is done, by whomever. Raises what doing it does.

        A caller who leaves does not stop it.
        """
        key = (store_id, file_id)
        while await self._is_owed(key):
            if (task := self._tasks.get(key)) is None:
                job = await self._take(_THIS, {"store_id": store_id, "file_id": file_id})
                task = self._begin(job) if job is not None else None
            if task is None:
                await asyncio.sleep(WAIT_S)
                continue
            await asyncio.wait([task])
            error = None if task.cancelled() else task.result()
            if error is not None and not isinstance(error, LeaseLost):
                raise error

    async def _work_on(self) -> None:
        while True:
            await self._room.acquire()
            job = None
            try:
                self._more.clear()
                job = await self._take(_NEXT, {})
            except Exception as error:  # a database that is locked or full may be well again
                self._log.warning("vector store work not found", reason=_reason(error))
            except asyncio.CancelledError:
                self._room.release()
                raise
            if job is not None:
                self._begin(job).add_done_callback(lambda _: self._room.release())
                continue
            self._room.release()
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_S):
                    await self._more.wait()

    def _begin(self, job: Job) -> asyncio.Task[Exception | None]:
        task = asyncio.create_task(self._run(job), context=Context())
        self._tasks[job.key] = task
        task.add_done_callback(lambda done: self._ended(job.key, done))
        return task

    def _ended(self, key: Key, task: asyncio.Task[Exception | None]) -> None:
        if self._tasks.get(key) is task:
            del self._tasks[key]

    async def _run(self, job: Job) -> Exception | None:
        """Do a job under its lease; what went wrong is noted, logged and returned."""
        renewing = asyncio.create_task(self._renew(job, asyncio.current_task()))
        try:
            await self._do(job)
        except asyncio.CancelledError:
            await asyncio.shield(self._give_back(job, attempts=job.attempts - 1))
            raise
        except Exception as error:
            await self._note_failure(job, error)
            return error
        finally:
            renewing.cancel()
        return None

    async def _note_failure(self, job: Job, error: Exception) -> None:
        facts = {"kind": job.kind, "store": job.store_id, "file": job.file_id, "attempt": job.attempts}
        is_lost, is_bug = isinstance(error, LeaseLost), not isinstance(error, StackError)
        if not is_lost:
            self._log.warning("vector store work failed", **facts, reason=_reason(error), exc_info=is_bug)
        try:
            database = await self._registry.database()
            if is_lost:  # or it became other work while this was done, which is free now
                await self._give_back(job, attempts=0)
            elif not await database.write(lambda connection: self._failed(connection, job, error)):
                pause = min(LONGEST_PAUSE_S, 2.0 ** min(job.attempts, 10) / 2)
                await self._give_back(job, attempts=job.attempts, not_before=self._clock() + pause)
        except LeaseLost as lost:  # to what it became while it failed
            await self._note_failure(job, lost)
        except StackError as unnoted:  # the lease runs out by itself
            self._log.warning("vector store work not noted", **facts, reason=unnoted.message)

    async def _give_back(self, job: Job, **values: Any) -> None:
        """Let others have a job; its attempts are another job's if it is no longer of the same kind."""
        database = await self._registry.database()
        changed = {"not_before": 0.0, **values, "kind": job.kind, "owner": job.owner}
        free = (
            "UPDATE jobs SET owner = NULL, lease_until = 0,"
            " attempts = iif(kind = :kind, :attempts, 0), not_before = iif(kind = :kind, :not_before, 0)"
            " WHERE owner = :owner"
        )
        await database.write(lambda connection: connection.execute(free, changed))
        self.wake()

    async def _renew(self, job: Job, working: asyncio.Task[Any] | None) -> None:
        """Keep the lease; once it is lost, or the job is another, stop whoever works on it."""
        assert working is not None
        held_until = self._clock() + LEASE_S
        while True:
            await asyncio.sleep(RENEW_S)
            until = self._clock() + LEASE_S
            try:
                is_held = await self._extend(job, until)
            except StackError:
                is_held = self._clock() < held_until
                until = held_until
            if not is_held:
                working.cancel()
                return
            held_until = until

    async def _extend(self, job: Job, until: float) -> bool:
        extend = "UPDATE jobs SET lease_until = ? WHERE owner = ? AND kind = ? RETURNING 1"
        values = (until, job.owner, job.kind)
        database = await self._registry.database()
        return await database.write(lambda connection: connection.execute(extend, values).fetchone() is not None)

    async def _take(self, which: str, values: dict[str, Any]) -> Job | None:
        now = self._clock()
        owner = f"{self._process}-{next(self._numbers)}"
        bound = {**values, "now": now, "owner": owner, "until": now + LEASE_S}
        database = await self._registry.database()
        # Reading first: asking for work that is not there must not write.
        if await database.read(lambda connection: connection.execute(which, bound).fetchone()) is None:
            return None
        take = _TAKE.format(which) + _RETURNING
        taking = asyncio.ensure_future(database.write(lambda connection: connection.execute(take, bound).fetchone()))
        try:
            row = await asyncio.shield(taking)
        except asyncio.CancelledError:
            await asyncio.shield(self._untake(taking))
            raise
        return Job(*row) if row is not None else None

    async def _untake(self, taking: asyncio.Future[Any]) -> None:
        """Give back what nobody is there to do any more: the lease is written once its writing has begun."""
        with suppress(StackError):  # the lease runs out by itself
            if (row := await taking) is not None:
                job = Job(*row)
                await self._give_back(job, attempts=job.attempts - 1)

    async def _is_owed(self, key: Key) -> bool:
        find = "SELECT 1 FROM jobs WHERE store_id = ? AND file_id = ?"
        database = await self._registry.database()
        return await database.read(lambda connection: connection.execute(find, key).fetchone() is not None)


async def _cancel(tasks: list[asyncio.Task[Any]]) -> None:
    """Cancel tasks and wait for their end."""
    await asyncio.sleep(0)  # one that is cancelled before its first step never does its last, which gives a job back
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _reason(error: Exception) -> str:
    return error.message if isinstance(error, StackError) else type(error).__name__
