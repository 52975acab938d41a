"""Rows of all requests share batches, none waits long for another's, and a caller who leaves costs nothing more."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable

import pytest

from stack.errors import ShuttingDown
from stack.providers.inline.onnx_embeddings.batching import Batches

PATIENCE_S = 60


class Model:
    """Computes a row as its text, and the first batch only once `go` is set."""

    def __init__(self) -> None:
        self.batches: list[list[list[int]]] = []
        self.started = threading.Event()
        self.go = threading.Event()

    def compute(self, rows: list[list[int]]) -> list[bytes]:
        self.batches.append(rows)
        if len(self.batches) == 1:
            self.started.set()
            assert self.go.wait(PATIENCE_S)
        if [0] in rows:
            raise ArithmeticError("zero")
        return [str(row).encode() for row in rows]


@pytest.fixture
def model() -> Model:
    return Model()


@pytest.fixture
async def batches(model: Model) -> AsyncIterator[Batches]:
    made = Batches(model.compute, threads=1, max_tokens=4)
    yield made
    model.go.set()
    await made.close()


@pytest.fixture
async def send(model: Model, batches: Batches) -> Callable[..., asyncio.Task[list[bytes]]]:
    """`send([row, ...])`: a request that is under way while a first one, of the row [1], is being computed."""
    first = asyncio.create_task(batches.vectors([[1]]))
    await asyncio.sleep(0)
    await asyncio.to_thread(model.started.wait, PATIENCE_S)
    tasks = [first]

    def send(rows: list[list[int]]) -> asyncio.Task[list[bytes]]:
        tasks.append(asyncio.create_task(batches.vectors(rows)))
        return tasks[-1]

    return send


async def test_rows_of_several_requests_are_one_batch_and_find_their_way_back(model, send):
    tasks = [send([[number]]) for number in (7, 8, 9)]
    await asyncio.sleep(0)
    model.go.set()
    assert await asyncio.gather(*tasks) == [[b"[7]"], [b"[8]"], [b"[9]"]]
    assert model.batches == [[[1]], [[7], [8], [9]]]


async def test_rows_of_like_length_go_together_below_the_limit(model, send):
    task = send([[2], [3, 3, 3, 3, 3], [4], [5, 5], [6, 6], [7, 7]])
    await asyncio.sleep(0)
    model.go.set()
    assert await task == [b"[2]", b"[3, 3, 3, 3, 3]", b"[4]", b"[5, 5]", b"[6, 6]", b"[7, 7]"]
    assert [sorted(map(len, batch)) for batch in model.batches[1:]] == [[5], [2, 2], [2], [1, 1]]


async def test_a_small_request_takes_its_turn_before_a_large_one_ends(model, send):
    large = send([[9] * 4] * 10)
    small = send([[5, 5]])
    await asyncio.sleep(0)
    model.go.set()
    await asyncio.gather(large, small)
    assert [[5, 5]] in model.batches[:4]


async def test_what_nobody_waits_for_is_not_computed(model, send):
    gone, stays = send([[8] * 4] * 10), send([[5]])
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    model.go.set()
    assert await stays == [b"[5]"]
    assert model.batches == [[[1]], [[5]]]


async def test_a_failure_reaches_those_in_the_batch_and_no_others(model, send):
    failing, fine = send([[0], [2, 2, 2, 2]]), send([[3, 3, 3]])
    await asyncio.sleep(0)
    model.go.set()
    with pytest.raises(ArithmeticError):
        await failing
    assert await fine == [b"[3, 3, 3]"]


async def test_closing_waits_for_the_batch_that_runs_and_fails_the_rest(model, batches, send):
    waiting = send([[8] * 4])
    await asyncio.sleep(0)
    closing = asyncio.create_task(batches.close())
    with pytest.raises(ShuttingDown):
        await waiting
    assert not closing.done()
    model.go.set()
    await closing
    assert model.batches == [[[1]]]
