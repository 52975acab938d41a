"""A copy of a database in one file, as it was at one moment, while others write."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from stack.storage.opening import sync_directory

if TYPE_CHECKING:
    from apsw import Connection


def copy_database(source: Connection, target: Path) -> None:
    """Copy what a connection sees, its transaction being open or not; durable, and whole or not there.

    Source: https://sqlite.org/backup.html; a connection within a transaction keeps its snapshot throughout.
    Raises: apsw.Error, OSError.
    """
    import apsw

    partial = target.with_name(f".{target.name}")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
    try:
        copy = apsw.Connection(os.fspath(partial), flags=apsw.SQLITE_OPEN_READWRITE)
        try:
            # Half a copy is thrown away, and a whole one is flushed at once.
            copy.pragma("journal_mode", "off")
            copy.pragma("synchronous", "off")
            with copy.backup("main", source, "main") as backup:
                backup.step(-1)
        finally:
            copy.close()
        os.fsync(descriptor)
        partial.rename(target)
        sync_directory(target.parent)
    finally:
        os.close(descriptor)
        partial.unlink(missing_ok=True)
