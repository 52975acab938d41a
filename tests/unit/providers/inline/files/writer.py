"""Writes files until it is killed: `python writer.py FOLDER once` takes one from stdin, `many` makes them up.

Prints the id of each once it is acknowledged.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

from stack.providers.inline.files.localfs import Config, LocalFS
from stack.testing.deps import provider_deps


async def stdin() -> AsyncIterator[bytes]:
    while block := await asyncio.to_thread(os.read, 0, 65_536):
        yield block


async def made_up(file_id: str) -> AsyncIterator[bytes]:
    source = random.Random(file_id)
    for _ in range(source.randrange(8)):
        yield source.randbytes(150_000)


async def main(folder: str, mode: str) -> None:
    store = LocalFS(Config(storage_dir=Path(folder)), provider_deps("localfs"))
    await store.initialize()
    while True:
        file_id = f"file-{uuid.uuid4().hex}"
        await store.write(file_id, stdin() if mode == "once" else made_up(file_id))
        os.write(1, f"{file_id}\n".encode())
        if mode == "once":
            return


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
