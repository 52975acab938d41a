"""A process that inserts and deletes batches and tells: `python changing.py PROVIDER STATE_DIR PREFIX SIZE [COUNT]`.

A batch is SIZE chunks of one name. Before each call, what it is about to do is told as `insert NAME` or `delete NAME`,
and once it has returned as `inserted NAME` or `deleted NAME`. Every third batch is deleted again.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import sys
from array import array
from contextlib import asynccontextmanager
from pathlib import Path

from stack.apis.vector_io import EmbeddedChunk, VectorStoreSpec
from stack.registry.contract import load_provider_class
from stack.registry.discovery import find_spec, load_config_class
from stack.storage import Storage
from stack.testing.deps import provider_deps

DIMENSION = 16
STORE = VectorStoreSpec("vs", DIMENSION)


@asynccontextmanager
async def running(name, state_dir):
    """An inline provider on the state in a folder, fully durable."""
    spec = find_spec("vector_io", f"inline::{name}")
    storage = Storage(state_dir)
    provider = load_provider_class(spec)(load_config_class(spec)(), provider_deps(name, storage=storage))
    await provider.initialize()
    yield provider
    await provider.shutdown()
    await storage.close()


def batch(name, size):
    source = random.Random(name)
    return [
        EmbeddedChunk(
            f"{name}/{n}", f"words of {name}", array("f", [source.gauss(0, 1) for _ in range(DIMENSION)]), {"n": n}
        )
        for n in range(size)
    ]


def tell(line):
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def change(provider, names, size):
    for number, name in names:
        chunks = batch(name, size)
        tell(f"insert {name}")
        await provider.insert_chunks("vs", chunks)
        tell(f"inserted {name}")
        if number % 3 == 2:
            tell(f"delete {name}")
            await provider.delete_chunks("vs", [chunk.chunk_id for chunk in chunks])
            tell(f"deleted {name}")


async def main(name, state_dir, prefix, size, count=None):
    async with running(name, Path(state_dir)) as provider:
        await provider.create_store(STORE)
        tell("ready")
        numbers = range(int(count)) if count else itertools.count()
        names = ((number, f"{prefix}n{number}") for number in numbers)
        await asyncio.gather(*(change(provider, names, int(size)) for _ in range(2)))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
