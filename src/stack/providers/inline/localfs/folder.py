"""A folder of files that are whole or not there; every name in it is opened below its descriptor, links refused.

A file in the making is `.file-...part`, locked by whoever writes it, so that what a killed process left can be told.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import re
import secrets
import stat
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from stack.apis.files import StoredFile
from stack.errors import NotFound, StorageError, StorageFull

_ID = re.compile(r"file-[0-9a-f]{32}")
_DRAFT = re.compile(r"\.file-[0-9a-f]{32}\.[0-9a-f]{8}\.part")
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FLAGS = os.O_NOFOLLOW | os.O_CLOEXEC
UNLOCKED_S = 60.0  # a writer locks its draft at once; one that lies unlocked for longer has no writer


def is_file_id(text: str) -> bool:
    """Whether a text is an id of a file: the only names that ever reach the disk."""
    return _ID.fullmatch(text) is not None


class Folder:
    """Files by id in one directory. All of it blocks. Raises: StorageError, StorageFull."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def opened(self) -> Iterator[int]:
        """A descriptor of the directory; what goes wrong while it is open becomes an error of ours."""
        try:
            # Opened for each use: a disk that was mounted anew is found again.
            descriptor = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                yield descriptor
            finally:
                os.close(descriptor)
        except OSError as error:
            if error.errno in _FULL:
                message = f"there is no space left for a file in `{self.path}`: nothing of it was stored"
                raise StorageFull(message) from error
            raise StorageError(f"the folder `{self.path}` cannot be used: {error.strerror}") from error

    def prepare(self) -> None:
        """Make the directory, for its owner alone, and take away what killed writers left."""
        with suppress(OSError):  # told by the next line
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.sweep()

    def sweep(self) -> None:
        """Take away what killed writers left a while ago."""
        with self.opened() as directory:
            for name in os.listdir(directory):
                if _DRAFT.fullmatch(name):
                    _sweep(directory, name)

    def open(self, file_id: str) -> OpenFile:
        """A file to read. Raises: NotFound."""
        with self.opened() as directory:
            try:
                # Not blocking: somebody may have put a pipe there.
                descriptor = os.open(file_id, os.O_RDONLY | os.O_NONBLOCK | _FLAGS, dir_fd=directory)
            except OSError as error:
                if error.errno in (errno.ENOENT, errno.ELOOP):
                    raise unknown_file(file_id) from error
                raise
        found = OpenFile(descriptor)
        if not found.is_regular:
            raise unknown_file(file_id)
        return found

    def remove(self, file_id: str) -> None:
        """Remove a file, durably; one that is not there is no error."""
        with self.opened() as directory, suppress(FileNotFoundError):
            os.unlink(file_id, dir_fd=directory)
            os.fsync(directory)

    def files(self) -> list[StoredFile]:
        """Every whole file."""
        with self.opened() as directory, os.scandir(directory) as entries:
            return [found for entry in entries if (found := _stored(entry)) is not None]


class OpenFile:
    """A file that is read; its descriptor is closed with it, whoever forgets it. size: bytes when it was opened."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.close = weakref.finalize(self, os.close, descriptor)
        seen = os.fstat(descriptor)
        self.size = seen.st_size
        self.is_regular = stat.S_ISREG(seen.st_mode)

    def read(self, size: int, position: int) -> bytes:
        """Up to `size` bytes at `position`; at least one. Raises: StorageError."""
        try:
            found = os.pread(self._descriptor, size, position)
        except OSError as error:
            raise StorageError(f"a file cannot be read: {error.strerror}") from error
        if not found:
            raise StorageError("a file became shorter while it was read")
        return found


class Draft:
    """A file in the making: `begin`, `append`, then `keep` or `discard`. All of it blocks.

    Raises: StorageError, StorageFull.
    """

    def __init__(self, folder: Folder, file_id: str) -> None:
        self._folder = folder
        self._file_id = file_id
        self._name = f".{file_id}.{secrets.token_hex(4)}.part"
        self._descriptor = -1
        self._is_kept = False
        self._hash = hashlib.sha256()
        self._size = 0

    def begin(self) -> None:
        """Make the file, for its owner alone."""
        with self._folder.opened() as directory:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FLAGS
            self._descriptor = os.open(self._name, flags, 0o600, dir_fd=directory)
            # Waited for: who starts just now may look, for a moment, whether this draft has a writer.
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)

    def append(self, block: bytes) -> None:
        """Write at the end."""
        with self._folder.opened():
            left = memoryview(block)
            while left:
                left = left[os.write(self._descriptor, left) :]
        self._hash.update(block)
        self._size += len(block)

    def keep(self) -> StoredFile:
        """Make the bytes durable, then the name."""
        with self._folder.opened() as directory:
            os.fsync(self._descriptor)
            modified_at = os.fstat(self._descriptor).st_mtime
            os.rename(self._name, self._file_id, src_dir_fd=directory, dst_dir_fd=directory)
            self._is_kept = True
            os.fsync(directory)
            self._close()
        return StoredFile(self._file_id, self._size, modified_at, self._hash.hexdigest())

    def discard(self) -> None:
        """Leave nothing behind, even if it was kept already; what cannot be removed is swept later."""
        self._close()
        with suppress(StorageError), self._folder.opened() as directory:
            os.unlink(self._file_id if self._is_kept else self._name, dir_fd=directory)

    def _close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def unknown_file(file_id: str) -> NotFound:
    """The error for bytes that are not there."""
    return NotFound(f"no file has the id `{file_id[:64]}`", param="file_id")


def _stored(entry: os.DirEntry[str]) -> StoredFile | None:
    if not is_file_id(entry.name):
        return None
    try:
        seen = entry.stat(follow_symlinks=False)
    except FileNotFoundError:  # deleted in between
        return None
    return StoredFile(entry.name, seen.st_size, seen.st_mtime) if stat.S_ISREG(seen.st_mode) else None


def _sweep(directory: int, name: str) -> None:
    """Remove a draft whose writer is dead: a living one holds its lock."""
    with suppress(OSError):
        descriptor = os.open(name, os.O_RDONLY | os.O_NONBLOCK | _FLAGS, dir_fd=directory)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(descriptor).st_mtime < time.time() - UNLOCKED_S:
                os.unlink(name, dir_fd=directory)
        finally:
            os.close(descriptor)
