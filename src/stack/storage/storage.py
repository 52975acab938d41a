"""The state directory of a stack: its databases, and its directories of bytes."""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import structlog

from stack.errors import StorageError
from stack.storage.database import Database
from stack.storage.failures import storage_error
from stack.storage.filesystem import check_local, make_private
from stack.storage.migrations import Migration
from stack.storage.opening import Durability, OnConnect, Opener

RESTORING = ".restoring"  # there while a backup is being brought back
BACKUPS = "backups"  # copies from before a change of schema
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")

log = structlog.get_logger("stack.storage")


def is_name(name: str) -> bool:
    """Whether a database or a directory of bytes can have this name."""
    return NAME.fullmatch(name) is not None and name != BACKUPS


class Storage:
    """Hands out what lies in one directory: `NAME.db` and `NAME/`. Nothing is touched before something is asked for.

    durability: `full` survives a power cut, `normal` may lose the last commits then; both survive `kill -9`.
    """

    def __init__(self, state_dir: Path, durability: Durability = "full") -> None:
        self.state_dir = state_dir
        self.durability = durability
        self._databases: dict[str, Database] = {}
        self._opening: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._is_ready = False
        self._is_closed = False

    async def database(
        self, name: str, migrations: Sequence[Migration] = (), on_connect: OnConnect | None = None
    ) -> Database:
        """The database of a name, opened and migrated by whoever asks first; the others get the same one.

        migrations: every step there ever was, in order; on_connect: run on each connection, to load an extension.
        A damaged database is handed out too, and refuses what is asked of it. Raises: SchemaTooNew, StorageError.
        """
        if (known := self._databases.get(name)) is not None and not self._is_closed:
            return known
        path = self._named(name).with_suffix(".db")
        async with self._opening[name]:
            self._check_open()
            if name not in self._databases:
                await asyncio.to_thread(self._prepare)
                database = Database(Opener(path, self.durability, on_connect))
                try:
                    await database.open(migrations, self.state_dir / BACKUPS)
                except BaseException:
                    await database.close()
                    raise
                self._databases[name] = database
            return self._databases[name]

    def exists(self, name: str) -> bool:
        """Whether there is a database of that name: one that is there is opened at the start, to refuse it then."""
        return self._named(name).with_suffix(".db").exists()

    def path(self, name: str) -> Path:
        """The directory of bytes of a name, there and private. Raises: StorageError."""
        found = self._named(name)
        self._check_open()
        self._prepare()
        return self._made(found)

    async def close(self) -> None:
        """Close every database, once what was begun is done."""
        self._is_closed = True
        for name, lock in list(self._opening.items()):
            async with lock:
                if database := self._databases.pop(name, None):
                    await database.close()

    def _named(self, name: str) -> Path:
        if not is_name(name):
            raise StorageError(f"`{name}` is no name for stored state: use lower case letters, digits, `_` and `-`")
        return self.state_dir / name

    def _check_open(self) -> None:
        if self._is_closed:
            raise StorageError(f"the storage in `{self.state_dir}` is closed: the stack is stopping")

    def _prepare(self) -> None:
        if self._is_ready:
            return
        self._made(self.state_dir / BACKUPS)
        check_local(self.state_dir)
        if (self.state_dir / RESTORING).exists():
            raise StorageError(f"a restore into `{self.state_dir}` did not end: empty it, and restore again")
        if self.state_dir.stat().st_mode & 0o077:
            log.warning("others can look into the state directory", path=str(self.state_dir), fix="chmod 700")
        self._is_ready = True

    def _made(self, path: Path) -> Path:
        try:
            return make_private(path)
        except OSError as error:
            raise storage_error(error, path) from error
