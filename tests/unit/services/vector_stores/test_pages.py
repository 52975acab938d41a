"""Pages of lists to which things come, and from which they go, while somebody reads them."""

from __future__ import annotations

import pytest

from stack.apis.vector_store_files import FileListRequest
from stack.apis.vector_stores import ListRequest
from stack.errors import InvalidRequest


async def page(shelf, **asked):
    return await shelf.service.stores.page(ListRequest(**asked))


async def walk(shelf, **asked) -> list[str]:
    """Names of all pages from the first to the last."""
    found, last = [], None
    while True:
        part = await page(shelf, limit=2, **asked, **({"after": last} if last else {}))
        found += [store.name for store in part.data]
        last = part.last_id
        if not part.has_more:
            return found


@pytest.fixture
async def stores(shelf):
    return [await shelf.create(name=name, provider_id="memory", embedding_dimension=8) for name in "abcde"]


@pytest.mark.parametrize(("order", "names"), [("asc", "abcde"), ("desc", "edcba")])
async def test_pages_follow_each_other(shelf, stores, order, names):
    assert "".join(await walk(shelf, order=order)) == names


async def test_pages_go_backwards_in_the_same_order(shelf, stores):
    whole = await page(shelf, order="asc")
    last = await page(shelf, order="asc", limit=2, before=stores[3].id)
    assert ([store.name for store in last.data], last.has_more) == (["b", "c"], True)
    first = await page(shelf, order="asc", limit=2, before=last.first_id)
    assert ([store.name for store in first.data], first.has_more) == (["a"], False)
    assert (whole.first_id, whole.last_id) == (stores[0].id, stores[4].id)


async def test_what_comes_and_goes_moves_no_page(shelf, stores):
    first = await page(shelf, limit=2)
    await shelf.create(name="new", provider_id="memory", embedding_dimension=8)
    await shelf.service.stores.delete(stores[4].id)
    await shelf.service.stores.delete(stores[3].id)  # the cursor itself
    second = await page(shelf, limit=2, after=first.last_id)
    assert [store.name for store in second.data] == ["c", "b"]


async def test_a_place_is_kept_for_a_day(shelf, stores):
    await shelf.service.stores.delete(stores[0].id)
    shelf.clock.now += 24 * 3600 + 60
    await shelf.service.keeper.expire()
    with pytest.raises(InvalidRequest, match="not in this list") as caught:
        await page(shelf, after=stores[0].id)
    assert caught.value.param == "after"


@pytest.mark.parametrize("cursor", ["after", "before"])
async def test_a_cursor_of_another_list_is_refused(shelf, stores, cursor):
    with pytest.raises(InvalidRequest) as caught:
        await page(shelf, **{cursor: "vs_none"})
    assert caught.value.param == cursor


async def test_files_are_paged_within_their_status(shelf):
    store = await shelf.create()
    good = [(await shelf.add(store, f"text {number}")).id for number in range(3)]
    bad = (await shelf.add(store, b"\x7fELF" + bytes(64), name="a.out")).id

    async def listed(**asked):
        part = await shelf.service.files.page(store.id, FileListRequest(**asked))
        return [file.id for file in part.data], part.has_more

    assert await listed(filter="completed", order="asc", limit=2) == (good[:2], True)
    assert await listed(filter="completed", order="asc", after=good[1]) == (good[2:], False)
    assert await listed(filter="failed") == ([bad], False)
    assert await listed(filter="completed", after=bad, limit=1) == ([good[2]], True)
