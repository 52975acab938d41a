"""Inserts fifty chunks at a time until it is killed: `inserting.py HOST PORT SCHEMA` prints what is acknowledged."""

from __future__ import annotations

import asyncio
import os
import sys
from array import array

from stack.apis.vector_io import EmbeddedChunk, VectorStoreSpec
from stack.providers.remote.vector_io.pgvector import Config, PGVector
from stack.testing.deps import provider_deps


async def main(host: str, port: str, schema: str) -> None:
    provider = PGVector(Config(host=host, port=int(port), db_schema=schema), provider_deps("pgvector"))
    await provider.create_store(VectorStoreSpec("vs_killed", 4))
    for batch in range(1_000_000):
        chunks = [EmbeddedChunk(f"{batch}-{n}", "text", array("f", [1, n, 0, batch])) for n in range(50)]
        await provider.insert_chunks("vs_killed", chunks)
        os.write(1, f"{batch}\n".encode())


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
