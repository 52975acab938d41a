"""Schemas, step by step and forward only; how many steps a database has had is its `user_version`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Union

from stack.errors import SchemaTooNew
from stack.storage.copying import copy_database
from stack.storage.opening import Opener, Patience

if TYPE_CHECKING:
    from apsw import Connection

# SQL, of one statement or several, or a function of the connection; neither begins or ends a transaction.
Migration = Union[str, Callable[["Connection"], None]]  # noqa: UP007  the name in quotes cannot stand beside a `|`

LOCK_WAIT_S = 600.0  # while another process migrates


def migrate(opener: Opener, migrations: Sequence[Migration], backups: Path) -> None:
    """Bring a database to the last step, each in a transaction; first a copy as it was goes to `backups`.

    Several processes may do it at once. Raises: SchemaTooNew if it had more steps than there are, apsw.Error.
    """
    connection = opener.connect()
    try:
        if _steps_done(connection, opener.path, len(migrations)) == len(migrations):
            return
        connection.set_busy_handler(Patience(LOCK_WAIT_S))
        # Tables can only be rebuilt without; each step is checked at its end instead.
        connection.pragma("foreign_keys", False)
        is_copied = False
        while _step(connection, opener, migrations, None if is_copied else backups):
            is_copied = True
    finally:
        connection.close()


def _step(connection: Connection, opener: Opener, migrations: Sequence[Migration], backups: Path | None) -> bool:
    """Take the next step, if there is one left once this process has the lock."""
    path = opener.path
    connection.execute("BEGIN IMMEDIATE")
    try:
        done = _steps_done(connection, path, len(migrations))
        if done == len(migrations):
            return False
        if done and backups is not None:
            _copy(opener, backups / f"{path.stem}.schema-{done}.db")
        _apply(connection, migrations[done], f"step {done + 1} of the schema of `{path.name}`")
        connection.pragma("user_version", done + 1)
        connection.execute("COMMIT")
        return True
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _copy(opener: Opener, target: Path) -> None:
    reader = opener.connect(query_only=True)  # one that writes cannot be copied from
    try:
        copy_database(reader, target)
    finally:
        reader.close()


def _apply(connection: Connection, migration: Migration, name: str) -> None:
    import apsw

    if isinstance(migration, str):
        connection.execute(migration).fetchall()  # what follows a row is not run before the row is taken
    else:
        migration(connection)
    if not connection.in_transaction:
        raise apsw.SQLError(f"{name} ended its transaction")
    if connection.execute("PRAGMA foreign_key_check").fetchone():
        raise apsw.ConstraintError(f"{name} leaves rows that refer to none")


def _steps_done(connection: Connection, path: Path, known: int) -> int:
    done = connection.pragma("user_version")
    assert isinstance(done, int)
    if done > known:
        raise SchemaTooNew(
            f"the database `{path}` has schema {done}, and this version of `stack` knows {known}: run the version that"
            " wrote it, or a newer one"
        )
    return done
