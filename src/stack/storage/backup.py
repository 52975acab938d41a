"""`back_up`: everything of a state directory, at one instant, into a folder; the server may go on serving."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from stack.errors import ConfigError, StorageCorrupt
from stack.storage.copying import copy_database
from stack.storage.failures import storage_error
from stack.storage.filesystem import make_private
from stack.storage.manifest import MANIFEST, Content, Manifest, bytes_path, content_of, database_path
from stack.storage.opening import sync_directory
from stack.storage.snapshot import snapshot
from stack.version import __version__


def back_up(state_dir: Path, target: Path) -> Manifest:
    """Copy a state directory into a folder that is empty or not there; the manifest, written last, makes it whole.

    Raises: ConfigError for a folder that cannot be used, StorageError and its kinds.
    """
    _check_folders(state_dir, target)
    with mapped_errors(target):
        make_private(target)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        with snapshot(state_dir) as seen:
            for folder in ("databases", "bytes"):
                make_private(target / folder)
            databases = {}
            for name, connection in seen.databases.items():
                path = target / database_path(name)
                copy_database(connection, path)
                check_database(path)
                databases[name] = content_of(path)
            files = {name: _copied(path, target) for name, path in seen.files.items()}
        manifest = Manifest(version=__version__, created_at=now, databases=databases, files=files)
        _write_manifest(target, manifest)
    return manifest


def _check_folders(state_dir: Path, target: Path) -> None:
    if not state_dir.is_dir():
        raise ConfigError(f"there is nothing to back up: `{state_dir}` is no directory")
    if target.resolve().is_relative_to(state_dir.resolve()):
        raise ConfigError(f"`{target}` lies in the state directory `{state_dir}`: choose a folder elsewhere")
    check_empty(target)


def check_empty(folder: Path) -> None:
    """Refuse a folder that has something in it. Raises: ConfigError."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"`{folder}` is there and not an empty folder: choose another one")


def check_database(path: Path) -> None:
    """Refuse a copy of a database with damage in it. Raises: StorageCorrupt, apsw.Error."""
    import apsw

    # Nobody else has it open, so that it needs neither locks nor the files beside it.
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    connection = apsw.Connection(f"{path.resolve().as_uri()}?immutable=1", flags=flags)
    try:
        found = connection.execute("PRAGMA integrity_check(1)").get
    finally:
        connection.close()
    if found != "ok":
        raise StorageCorrupt(f"the database `{path}` is damaged: {found}")


def _copied(staged: Path, target: Path) -> Content:
    """What a staged file holds, once that lies in the backup under its hash."""
    content = content_of(staged)
    path = target / bytes_path(content.sha256)
    if not path.exists():
        make_private(path.parent)
        copy_file(staged, path)
    return content


def copy_file(source: Path, target: Path) -> None:
    """Copy a file, durably, for the owner alone."""
    with source.open("rb") as reading, open(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as copy:
        shutil.copyfileobj(reading, copy, 1024 * 1024)
        copy.flush()
        os.fsync(copy.fileno())


def _write_manifest(target: Path, manifest: Manifest) -> None:
    for folder in (target / "databases", target / "bytes", *(target / "bytes").iterdir()):
        sync_directory(folder)
    partial = target / f".{MANIFEST}"
    with open(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="utf-8") as file:
        file.write(manifest.model_dump_json(indent=1))
        file.flush()
        os.fsync(file.fileno())
    partial.rename(target / MANIFEST)
    sync_directory(target)


@contextmanager
def mapped_errors(path: Path) -> Iterator[None]:
    """Errors of files and databases as those of storage."""
    try:
        yield
    except Exception as error:
        failure = storage_error(error, path)
        if failure is error:
            raise
        raise failure from error
