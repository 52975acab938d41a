"""`restore`: bring a backup back into an empty state directory, once all of it was found to be whole."""

from __future__ import annotations

from pathlib import Path

from stack.errors import StorageCorrupt, quoted
from stack.storage.backup import check_database, check_empty, copy_file, mapped_errors
from stack.storage.filesystem import check_local, make_private
from stack.storage.manifest import Content, Manifest, bytes_path, content_of, database_path, read_manifest
from stack.storage.opening import sync_directory
from stack.storage.storage import RESTORING

SHOWN = 5


def restore(backup: Path, state_dir: Path) -> Manifest:
    """Verify a backup, then copy it into a state directory that is empty or not there.

    Until all is copied, a mark keeps servers from using the directory. Raises: ConfigError if the directory has
    something in it, StorageCorrupt naming what of the backup is damaged, StorageError.
    """
    check_empty(state_dir)
    with mapped_errors(backup):
        manifest = verify(backup)
    with mapped_errors(state_dir):
        make_private(state_dir)
        check_local(state_dir)
        mark = state_dir / RESTORING
        mark.touch(0o600, exist_ok=False)
        sync_directory(state_dir)
        for name, content in manifest.files.items():
            make_private((state_dir / name).parent)
            _copy_checked(backup / bytes_path(content.sha256), state_dir / name, content)
        for name, content in manifest.databases.items():
            _copy_checked(backup / database_path(name), state_dir / f"{name}.db", content)
        for folder in {state_dir, *(parent for name in manifest.files for parent in _folders(state_dir, name))}:
            sync_directory(folder)
        mark.unlink()
        sync_directory(state_dir)
    return manifest


def verify(backup: Path) -> Manifest:
    """The manifest of a backup of which every byte is as it says. Raises: StorageCorrupt, OSError, apsw.Error."""
    manifest = read_manifest(backup)
    damaged = [path for path, content in manifest.contents() if not _is_whole(backup / path, content)]
    if damaged:
        more = f" and {len(damaged) - SHOWN} more" if len(damaged) > SHOWN else ""
        raise StorageCorrupt(
            f"the backup `{backup}` is damaged, and nothing was restored: {quoted(damaged[:SHOWN])}{more} missing or"
            " not as written; take another backup"
        )
    for name in manifest.databases:
        check_database(backup / database_path(name))
    return manifest


def _is_whole(path: Path, content: Content) -> bool:
    return path.is_file() and path.stat().st_size == content.bytes and content_of(path) == content


def _copy_checked(source: Path, target: Path, content: Content) -> None:
    copy_file(source, target)
    if content_of(target) != content:
        raise StorageCorrupt(f"`{source}` changed while it was restored: empty the state directory, and try again")


def _folders(state_dir: Path, name: str) -> list[Path]:
    return [state_dir / parent for parent in Path(name).parents]
