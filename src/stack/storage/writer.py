"""The one writer of a database: a thread that puts all the work that is waiting into one commit."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

from stack.errors import StorageError
from stack.storage.failures import storage_error
from stack.storage.opening import BUSY_TIMEOUT_S, Opener, Patience

if TYPE_CHECKING:
    from apsw import Connection

T = TypeVar("T")

# Who comes first waits for who joins the commit: no more than about what the fsync takes.
GROUP_S = 0.005


@dataclass(slots=True)
class _Job:
    work: Callable[[Connection], Any]
    future: Future[Any] = field(default_factory=Future)
    deadline: float = field(default_factory=lambda: time.monotonic() + BUSY_TIMEOUT_S)


class Writer:
    """Runs each piece of work atomically, in the order given; its future is done once the commit is on the disk.

    A future that is cancelled before its turn is not run; after that it takes no notice.
    """

    def __init__(self, opener: Opener) -> None:
        self._opener = opener
        self._connection: Connection | None = None
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=f"write {opener.path.name}", daemon=True)
        self._thread.start()

    def submit(self, work: Callable[[Connection], T]) -> Future[T]:
        """Give work to the thread. Its future raises what `work` does, or the storage error that befell it."""
        job = _Job(work)
        self._jobs.put(job)
        return job.future

    def close(self) -> None:
        """Do what was given so far, then end the thread and close the connection. Blocks."""
        self._jobs.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            if self._commit_group(job):
                break
        self._disconnect()

    def _commit_group(self, first: _Job) -> bool:
        """Commit the first job and those that wait behind it together; whether the end was met among them."""
        done: list[tuple[_Job, Any]] = []
        if not first.future.set_running_or_notify_cancel():
            return False
        ended, current = False, first
        try:
            connection = self._begin(first.deadline)
            until = time.monotonic() + GROUP_S
            while True:
                self._run_job(connection, current, done)
                following, ended = self._following(until)
                if following is None:
                    break
                current = following
            connection.execute("COMMIT")
        except BaseException as error:
            self._fail([*(job for job, _ in done), current], error)
        else:
            for job, value in done:
                job.future.set_result(value)
        return ended

    def _following(self, until: float) -> tuple[_Job | None, bool]:
        """The next job of this commit, and whether the end was met."""
        while time.monotonic() < until:
            try:
                job = self._jobs.get_nowait()
            except Empty:
                break
            if job is None:
                return None, True
            if job.future.set_running_or_notify_cancel():
                return job, False
        return None, False

    def _begin(self, deadline: float) -> Connection:
        if self._connection is None:
            self._connection = self._opener.connect()
        # The time in the queue counts: nobody waits for a lock longer than the timeout in all.
        self._connection.set_busy_handler(Patience(deadline - time.monotonic()))
        self._connection.execute("BEGIN IMMEDIATE")
        return self._connection

    def _run_job(self, connection: Connection, job: _Job, done: list[tuple[_Job, Any]]) -> None:
        """One job within the commit. One that fails is undone and told at once, unless it undid the others as well."""
        import apsw

        # A savepoint costs a copy of each page that is changed: the first job has nobody before it to spare.
        is_first = not done
        if not is_first:
            connection.execute("SAVEPOINT job")
        try:
            value = job.work(connection)
            if not connection.in_transaction:
                raise apsw.SQLError("the work has ended the transaction that it was a part of")
            # Unmet at the commit, it would take the other jobs down as well.
            if connection.status(apsw.SQLITE_DBSTATUS_DEFERRED_FKS)[0]:
                raise apsw.ConstraintError("a deferred foreign key is not satisfied at the end of the work")
            if not is_first:
                connection.execute("RELEASE job")
        except BaseException as error:
            failure = storage_error(error, self._opener.path, connection)
            if not connection.in_transaction:
                raise
            connection.execute("ROLLBACK" if is_first else "ROLLBACK TO job; RELEASE job")
            job.future.set_exception(failure)
            if is_first:
                connection.execute("BEGIN IMMEDIATE")
        else:
            done.append((job, value))

    def _fail(self, jobs: list[_Job], error: BaseException) -> None:
        failure = storage_error(error, self._opener.path, self._connection)
        # After an I/O error, what the connection has open may be of a disk that is gone.
        if type(failure) is StorageError or not self._is_undone():
            self._disconnect()
        for job in jobs:
            if not job.future.done():
                job.future.set_exception(failure)

    def _is_undone(self) -> bool:
        import apsw

        if self._connection is not None and self._connection.in_transaction:
            try:
                self._connection.execute("ROLLBACK")
            except apsw.Error:
                return False
        return True

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close(True)  # which undoes an open transaction; an error here would change nothing
