"""A state directory at one instant, while others write to it: rows by open snapshots, bytes by hard links.

Rows first would miss bytes that are deleted before their turn, and bytes first those that arrive before the rows. So
both are held at once: the bytes are linked beforehand, then every database is locked against writing, which takes
moments, for the links to be completed and the snapshots opened. A link keeps bytes that are deleted meanwhile, and
who writes bytes does so before their row, and deletes them after it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stack.errors import StorageBusy, StorageError
from stack.storage.filesystem import make_private
from stack.storage.opening import Opener, Patience
from stack.storage.storage import BACKUPS, is_name

if TYPE_CHECKING:
    from apsw import Connection

LOCK_WAIT_S = 30.0
LOCK = ".lock"  # in the folder of backups: held by the one backup that runs
STAGING = ".staging-"

_Mark = tuple[int, int, int]  # inode, bytes, time of change: bytes are replaced, never changed in place


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What was there at the instant. databases: by name, each within a transaction; files: staged, by relative path."""

    databases: dict[str, Connection]
    files: dict[str, Path]


@contextmanager
def snapshot(state_dir: Path) -> Iterator[Snapshot]:
    """Everything of a state directory as it is at one instant, for the time of the block.

    Raises: StorageBusy if a database stays locked or another backup runs, StorageError, OSError, apsw.Error.
    """
    with ExitStack() as cleanup:
        staging = cleanup.enter_context(_staging(state_dir))
        linked = _Links(state_dir, staging)
        linked.update()
        names = sorted(path.stem for path in state_dir.glob("*.db") if is_name(path.stem))
        with ExitStack() as locks:
            for name in names:
                locks.enter_context(_locked(state_dir / f"{name}.db"))
            linked.update()
            databases = {name: cleanup.enter_context(_held(state_dir / f"{name}.db")) for name in names}
        yield Snapshot(databases, linked.files())


@contextmanager
def _staging(state_dir: Path) -> Iterator[Path]:
    """A folder for links on the same disk, for the one backup that runs; what a killed one left is removed."""
    backups = make_private(state_dir / BACKUPS)
    descriptor = os.open(backups / LOCK, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for left in backups.glob(f"{STAGING}*"):
            shutil.rmtree(left)
        with tempfile.TemporaryDirectory(prefix=STAGING, dir=backups) as folder:
            yield Path(folder)
    except BlockingIOError as error:
        raise StorageBusy(f"another backup of `{state_dir}` runs: wait for its end") from error
    finally:
        os.close(descriptor)


class _Links:
    """The bytes of a state directory, linked into a staging folder under numbers."""

    def __init__(self, state_dir: Path, staging: Path) -> None:
        self._state_dir = state_dir
        self._staging = staging
        self._count = 0
        self._linked: dict[str, tuple[_Mark, Path]] = {}

    def files(self) -> dict[str, Path]:
        return {name: path for name, (_, path) in self._linked.items()}

    def update(self) -> None:
        """Link what is there now and was not before, and forget what is gone."""
        now: dict[str, tuple[_Mark, Path]] = {}
        for folder in sorted(path for path in self._state_dir.iterdir() if path.is_dir() and is_name(path.name)):
            for found in _files(folder):
                name = os.path.relpath(found.path, self._state_dir)
                if kept := self._link(found, self._linked.get(name)):
                    now[name] = kept
        self._linked = now

    def _link(self, found: os.DirEntry[str], known: tuple[_Mark, Path] | None) -> tuple[_Mark, Path] | None:
        try:
            status = found.stat(follow_symlinks=False)
            mark = status.st_ino, status.st_size, status.st_mtime_ns
            if known is not None and known[0] == mark:
                return known
            self._count += 1
            link = self._staging / str(self._count)
            try:
                os.link(found.path, link)
            except FileNotFoundError:
                raise
            except OSError:  # a filesystem without links, or another disk
                shutil.copyfile(found.path, link)
        except FileNotFoundError:
            return None  # deleted in between, and so its row before it
        return mark, link


def _files(folder: Path | str) -> Iterator[os.DirEntry[str]]:
    """The files below a folder. Names with a leading dot are work in progress. Raises: StorageError for a link."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_symlink():
                raise StorageError(f"`{entry.path}` is a symbolic link, which a backup cannot hold: put the file there")
            if entry.is_dir():
                yield from _files(entry.path)
            elif entry.is_file():
                yield entry


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """A database to which nobody writes."""
    connection = Opener(path).connect()
    try:
        connection.set_busy_handler(Patience(LOCK_WAIT_S))
        connection.execute("BEGIN IMMEDIATE")
        yield
    finally:
        connection.close(True)


@contextmanager
def _held(path: Path) -> Iterator[Connection]:
    """A connection that goes on seeing a database as it is now."""
    connection = Opener(path).connect(query_only=True)
    try:
        connection.execute("BEGIN; SELECT count(*) FROM sqlite_schema").get  # noqa: B018  reading takes the snapshot
        yield connection
    finally:
        connection.close(True)
