"""What SQLite's errors are to a caller: the one place where they are told apart."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from stack.errors import StorageBusy, StorageCorrupt, StorageError, StorageFull

if TYPE_CHECKING:
    from apsw import Connection

_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
LEAST_FREE = 64 * 1024  # bytes: a log grows by less than that at a time


def storage_error(error: BaseException, path: Path, connection: Connection | None = None) -> BaseException:
    """The error of ours that an error of SQLite stands for; any other, such as a constraint's or a bug's, as it is.

    connection: the one that failed, if there is one; it knows the errno behind an I/O error.
    """
    import apsw

    if isinstance(error, OSError):
        return _full(path) if error.errno in _NO_SPACE else _unavailable(path, error)
    if not isinstance(error, apsw.Error):
        return error
    if isinstance(error, apsw.BusyError | apsw.LockedError):
        return StorageBusy(f"the database `{path.name}` is locked by another process: try again in a moment")
    if isinstance(error, apsw.FullError) or (connection is not None and _is_out_of_space(error, connection, path)):
        return _full(path)
    if isinstance(error, apsw.CorruptError | apsw.NotADBError) or _is_short_read(error):
        return corrupt(path, str(error))
    if isinstance(error, apsw.ReadOnlyError) and connection is not None and connection.pragma("query_only"):
        return error  # a read that writes is a bug of ours
    if isinstance(error, apsw.IOError | apsw.CantOpenError | apsw.ReadOnlyError | apsw.PermissionsError):
        return _unavailable(path, error)
    if isinstance(error, apsw.NoMemError | apsw.ProtocolError | apsw.ConnectionClosedError):
        return _unavailable(path, error)
    return error


def corrupt(path: Path, found: str) -> StorageCorrupt:
    """The error for a database that was found damaged."""
    return StorageCorrupt(
        f"the database `{path.name}` is damaged ({found}): it is left as it is; stop the server, move"
        f" `{path.parent}` away, and bring the last backup back with `stack restore DIR`"
    )


def closed(path: Path) -> StorageError:
    """The error for work that came after the database was closed."""
    return StorageError(f"the database `{path.name}` is closed: the stack is stopping")


def _full(path: Path) -> StorageFull:
    return StorageFull(f"there is no space left for the database `{path.name}`: nothing of this was stored")


def _unavailable(path: Path, error: BaseException) -> StorageError:
    return StorageError(f"the database `{path.name}` cannot be used: {error}")


def _is_out_of_space(error: BaseException, connection: Connection, path: Path) -> bool:
    import apsw

    if isinstance(error, apsw.SQLError):  # an extension tells nothing of what went wrong in tables of its own
        return shutil.disk_usage(path.parent).free < LEAST_FREE
    return isinstance(error, apsw.IOError | apsw.CantOpenError) and connection.system_errno in _NO_SPACE


def _is_short_read(error: BaseException) -> bool:
    # A page that the index of the WAL names lies beyond its end: the file was cut.
    import apsw

    # The stubs of apsw do not have the attribute, which its documentation has.
    return isinstance(error, apsw.IOError) and error.extendedresult == apsw.SQLITE_IOERR_SHORT_READ  # type: ignore[attr-defined]
