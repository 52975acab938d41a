"""A stack with real parts: the playground's embeddings, sqlite-vec, files in a folder; its clock is the test's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import structlog

from stack.apis.vector_search import InsertRequest, QueryRequest, SearchRequest
from stack.apis.vector_store_files import FileAttachRequest, VectorStoreFile
from stack.apis.vector_stores import VectorStore, VectorStoreCreateRequest
from stack.config.load import parse_run_config
from stack.runtime import Runtime
from stack.services.vector_stores import VectorStores
from stack.testing.upstream import FaultUpstream

RUN = """
version: 2
image_name: shelf
providers:
  inference:
  - {{provider_id: playground, provider_type: inline::playground}}
  - {{provider_id: up, provider_type: remote::vllm, config: {{base_url: "{upstream}"}}}}
  vector_io:
  - {{provider_id: vec, provider_type: "inline::sqlite-vec"}}
  - {{provider_id: memory, provider_type: inline::memory}}
  files:
  - {{provider_id: local, provider_type: inline::localfs}}
storage: {{state_dir: "{state}"}}
{more}
"""


class Clock:
    """Unix seconds, turned by the test."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


class Shelf:
    """A stack and what tests ask of its vector stores. service: `start` it for work in the background."""

    def __init__(self, runtime: Runtime, clock: Clock) -> None:
        self.runtime = runtime
        self.clock = clock
        self.service = VectorStores(
            runtime.config.vector_stores,
            runtime.vector_stores._router,
            runtime.inference,
            runtime.files,
            runtime.storage,
            structlog.get_logger("stack"),
            clock,
        )

    async def create(self, **request: Any) -> VectorStore:
        return await self.service.create(VectorStoreCreateRequest.model_validate(request))

    async def upload(self, text: str | bytes, name: str = "a.txt") -> str:
        async def parts() -> AsyncIterator[bytes]:
            yield text.encode() if isinstance(text, str) else text

        return (await self.runtime.files.upload(name, lambda: ("assistants", None), parts())).id

    async def attach(self, store: VectorStore, file_id: str, **request: Any) -> VectorStoreFile:
        asked = FileAttachRequest.model_validate({"file_id": file_id, **request})
        return await self.service.files.attach(store.id, asked)

    async def done(self, store: VectorStore, file_id: str) -> VectorStoreFile:
        """The file, once nobody works on it any more."""
        while (file := await self.service.files.retrieve(store.id, file_id)).status == "in_progress":
            await asyncio.sleep(0.01)
        return file

    async def add(self, store: VectorStore, text: str, **request: Any) -> VectorStoreFile:
        file_id = await self.upload(text, request.pop("name", "a.txt"))
        await self.attach(store, file_id, **request)
        return await self.done(store, file_id)

    async def search(self, store: VectorStore, query: str | list[str], **request: Any) -> list[Any]:
        asked = SearchRequest.model_validate({"query": query, **request})
        return (await self.service.search.search(store.id, asked)).data

    async def insert(self, store: VectorStore, *chunks: dict[str, Any]) -> None:
        await self.service.chunks.insert(
            InsertRequest.model_validate({"vector_store_id": store.id, "chunks": list(chunks)})
        )

    async def query(self, store: VectorStore, **request: Any) -> Any:
        return await self.service.chunks.query(QueryRequest.model_validate({"vector_store_id": store.id, **request}))

    async def sql(self, statement: str, *values: Any) -> list[Any]:
        database = await self.runtime.storage.database("vector_stores")
        return await database.write(lambda connection: list(connection.execute(statement, values)))


Open = Callable[..., Awaitable[Shelf]]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def open_shelf(tmp_path: Path, clock: Clock, upstream: FaultUpstream) -> AsyncIterator[Open]:
    """`await open_shelf(more="...")`: a stack on the same state as all others, as another process would have it."""
    async with AsyncExitStack() as opened:

        async def open_one(more: str = "", run: str = RUN, works: bool = True) -> Shelf:
            text = run.format(state=tmp_path / "state", upstream=upstream.base_url, more=more)
            runtime = Runtime(parse_run_config(text, "run.yaml", {}))
            await runtime.start()
            opened.push_async_callback(runtime.stop)
            await runtime.vector_stores.stop()  # ours has the test's clock
            shelf = Shelf(runtime, clock)
            if works:
                await shelf.service.start()
            opened.push_async_callback(shelf.service.stop)
            return shelf

        yield open_one


@pytest.fixture
async def shelf(open_shelf: Open) -> Shelf:
    return await open_shelf()
