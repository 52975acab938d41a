"""Many calls at once."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Coroutine
from typing import Any

import pytest

from stack.apis.vector_io import VectorIO, VectorQuery
from stack.errors import NotFound
from stack.testing.vector_io.reference import assert_best, chunk, ids, random_chunks, vector
from stack.testing.vector_io.settings import MakeStore, Settings


class Together(Settings):
    @pytest.mark.asyncio
    async def test_inserts_at_once_all_arrive(self, provider: VectorIO, make_store: MakeStore) -> None:
        store, chunks = await make_store(dimension=8), random_chunks(200, 8)
        await asyncio.gather(*(provider.insert_chunks(store, chunks[n : n + 10]) for n in range(0, 200, 10)))
        assert await provider.count_chunks(store) == 200
        found = await provider.query_chunks(store, VectorQuery(chunks[7].embedding, 200))
        assert_best(found, chunks, chunks[7].embedding, "cosine", 200, self.tolerance)

    @pytest.mark.asyncio
    async def test_inserts_of_one_id_at_once_leave_one(self, provider: VectorIO, make_store: MakeStore) -> None:
        store = await make_store()
        rivals = [chunk("a", (n + 1, 1, 0), f"text{n}", n=n) for n in range(10)]
        await asyncio.gather(*(provider.insert_chunks(store, [each]) for each in rivals))
        [kept] = await provider.get_chunks(store, ["a"])
        winner = rivals[int(kept.metadata["n"])]
        assert (kept.content, await provider.count_chunks(store)) == (winner.content, 1)
        [found] = await provider.query_chunks(store, VectorQuery(winner.embedding))
        assert found.score == pytest.approx(1, abs=self.tolerance)

    @pytest.mark.asyncio
    async def test_queries_run_while_chunks_come_and_go(self, provider: VectorIO, make_store: MakeStore) -> None:
        store = await make_store([chunk("always", (0, 0, 1))])

        async def change(n: int) -> None:
            await provider.insert_chunks(store, [chunk(f"c{n}", (1, n, 0))])
            await provider.delete_chunks(store, [f"c{n}"])

        async def ask() -> list[str]:
            return ids(await provider.query_chunks(store, VectorQuery(vector(0, 0, 1), 1)))

        answers = await asyncio.gather(*(work for n in range(20) for work in (change(n), ask())))
        assert [answer for answer in answers if answer is not None] == [["always"]] * 20
        assert await provider.count_chunks(store) == 1

    @pytest.mark.asyncio
    async def test_one_store_made_at_once_is_one(self, provider: VectorIO, make_store: MakeStore) -> None:
        store = uuid.uuid4().hex
        await asyncio.gather(*(make_store(vector_store_id=store) for _ in range(5)))
        assert [each.vector_store_id for each in await provider.list_stores()].count(store) == 1

    @pytest.mark.asyncio
    async def test_deleting_a_store_while_it_is_used_is_not_found_or_in_time(
        self, provider: VectorIO, make_store: MakeStore
    ) -> None:
        store = await make_store([chunk("a")])
        work: list[Coroutine[Any, Any, object]] = [provider.insert_chunks(store, [chunk(f"c{n}")]) for n in range(8)]
        work += [provider.query_chunks(store, VectorQuery(vector(1, 0, 0))) for _ in range(8)]
        outcomes = await asyncio.gather(*work, provider.delete_store(store), return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} <= {list, NotFound, type(None)}
        with pytest.raises(NotFound):
            await provider.count_chunks(store)

    @pytest.mark.asyncio
    async def test_an_abandoned_insert_is_whole_or_absent(self, provider: VectorIO, make_store: MakeStore) -> None:
        store = await make_store(dimension=8)
        task = asyncio.create_task(provider.insert_chunks(store, random_chunks(500, 8)))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await provider.insert_chunks(store, [chunk("after", [1.0] * 8)])  # comes behind what was begun
        assert await provider.count_chunks(store) in (1, 501)
