"""Bytes of files in a folder of this machine: written beside, flushed, renamed, so that a name means a whole file."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from pathlib import Path

from stack.apis.files import FileStore, StoredFile
from stack.errors import InvalidRequest
from stack.providers.inline.localfs.folder import Draft, Folder, OpenFile, is_file_id, unknown_file
from stack.providers.inline.localfs.threads import finished
from stack.registry.spec import Deps, Provider, ProviderConfig, env

BLOCK_BYTES = 1 << 20  # as much is held of a file that is written or read


class Config(ProviderConfig):
    storage_dir: Path | None = env(
        "FILES_STORAGE_DIR", None, "Folder for the bytes; default: `files` in the stack's state directory."
    )


class LocalFS(Provider, FileStore):
    config: Config

    def __init__(self, config: Config, deps: Deps) -> None:
        super().__init__(config, deps)
        self._folder = Folder(config.storage_dir.expanduser() if config.storage_dir else Path())

    async def initialize(self) -> None:
        if self.config.storage_dir is None:
            self._folder = Folder(await finished(self.deps.storage.path, "files"))
        await finished(self._folder.prepare)

    async def write(self, file_id: str, content: AsyncIterator[bytes]) -> StoredFile:
        if not is_file_id(file_id):
            raise InvalidRequest("`file_id` must be `file-` and 32 hexadecimal digits", param="file_id")
        draft = Draft(self._folder, file_id)
        try:
            await finished(draft.begin)
            async with aclosing(_in_blocks(content)) as blocks:
                async for block in blocks:
                    await finished(draft.append, block)
            return await finished(draft.keep)
        except BaseException:
            await finished(draft.discard)
            raise

    async def read(self, file_id: str, start: int, end: int | None) -> AsyncIterator[bytes]:
        if not is_file_id(file_id):
            raise unknown_file(file_id)
        opened = await finished(self._folder.open, file_id)
        return _read(opened, start, opened.size if end is None else min(end, opened.size))

    async def delete(self, file_id: str) -> None:
        if is_file_id(file_id):
            await finished(self._folder.remove, file_id)

    async def list_files(self) -> list[StoredFile]:
        await finished(self._folder.sweep)  # whose writer was killed moments before the start
        return await finished(self._folder.files)


async def _in_blocks(content: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """The same bytes in larger parts: each costs a visit to a thread."""
    held = bytearray()
    async for part in content:
        held += part
        if len(held) >= BLOCK_BYTES:
            yield bytes(held)
            held.clear()
    if held:
        yield bytes(held)


async def _read(opened: OpenFile, start: int, end: int) -> AsyncIterator[bytes]:
    position = max(start, 0)
    try:
        while position < end:
            block = await finished(opened.read, min(BLOCK_BYTES, end - position), position)
            position += len(block)
            yield block
    finally:
        opened.close()
