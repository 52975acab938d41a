"""Several server processes on one state directory, and processes that are killed in the middle of their work."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from integration.reaching import over_http, server_process
from integration.vector_io.conftest import SHELF
from openai.types.vector_stores import VectorStoreFile

from stack import StackClient
from stack.testing.server_process import ServerProcess
from stack.testing.upstream import FaultUpstream

LONG = b"Cats sleep most of the day. " * 2000
Serve = Callable[[], tuple[ServerProcess, StackClient]]


@pytest.fixture
def serve(tmp_path: Path, upstream: FaultUpstream) -> Iterator[Serve]:
    """`serve()`: one more server process on the same state."""
    with ExitStack() as opened:

        def serve() -> tuple[ServerProcess, StackClient]:
            variables = {"STACK_STATE_DIR": str(tmp_path), "UPSTREAM": upstream.base_url}
            server = opened.enter_context(server_process(SHELF, variables=variables))
            return server, opened.enter_context(over_http(server.origin)).client

        yield serve


def wait_for(client: StackClient, store_id: str, file_id: str, true: Callable[[VectorStoreFile], bool]):
    """The file once it is so. A minute is what a file may take that a killed process left, a busy machine another."""
    until = time.monotonic() + 120
    while not true(file := client.vector_stores.files.retrieve(file_id, vector_store_id=store_id)):
        assert time.monotonic() < until, "nobody went on with the file"
        time.sleep(0.1)
    return file


def test_two_processes_see_each_others_work_within_a_second(serve):
    (_, one), (_, other) = serve(), serve()
    store = one.vector_stores.create(name="shared")
    one.vector_io.insert(vector_store_id=store.id, chunks=[{"chunk_id": "1", "content": "a cat"}])
    assert other.vector_io.query(vector_store_id=store.id, query="cat").chunks[0].chunk_id == "1"
    other.vector_io.insert(vector_store_id=store.id, chunks=[{"chunk_id": "2", "content": "income tax"}])
    assert one.vector_io.query(vector_store_id=store.id, query="tax").chunks[0].chunk_id == "2"
    other.vector_stores.delete(store.id)
    assert store.id not in [each.id for each in one.vector_stores.list(limit=100)]


def test_files_of_a_killed_process_are_gone_on_with_within_a_minute(serve):
    server, client = serve()
    store = client.vector_stores.create(extra_body={"embedding_model": "up/fault-slow-first-byte-1"})
    ids = [client.files.create(file=(f"{n}.txt", LONG + b"%d" % n), purpose="assistants").id for n in range(3)]
    batch = client.vector_stores.file_batches.create(store.id, file_ids=ids)
    wait_for(client, store.id, ids[0], lambda file: bool(file.chunks_total))
    server.send_signal(signal.SIGKILL)
    server.wait()
    _, client = serve()
    done = [wait_for(client, store.id, file_id, lambda file: file.status != "in_progress") for file_id in ids]
    assert [(file.status, file.last_error) for file in done] == [("completed", None)] * 3
    counts = client.vector_stores.file_batches.retrieve(batch.id, vector_store_id=store.id).file_counts
    assert (counts.completed, counts.in_progress, counts.total) == (3, 0, 3)
    found = [client.vector_stores.files.content(file.id, vector_store_id=store.id).data for file in done]
    assert [len(parts) for parts in found] == [file.chunks_total for file in done]
