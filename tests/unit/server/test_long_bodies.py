"""A body of megabytes is read beside the loop, item by item, and means what it would mean read at once."""

from __future__ import annotations

import threading
from typing import Annotated

import pytest
from pydantic import AfterValidator, BaseModel, ValidationError

from stack.apis.vector_search import InsertedChunk, InsertRequest
from stack.errors import InvalidRequest
from stack.server.long_bodies import LONG, LongList, parsed

CHUNKS = LongList("chunks", InsertedChunk)
CHUNK = b'{"content":"%s","embedding":[1,-2.5e-3],"metadata":{"n":1}}' % (b"a" * 1000)
MANY = b",".join([CHUNK] * 400)


def body(chunks=MANY, rest=b'"vector_store_id":"vs_1"'):
    made = b'{"chunks":[%s],%s}' % (chunks, rest)
    assert len(made) > LONG
    return made


@pytest.mark.parametrize(
    "whole",
    [
        body(),
        body(rest=b' "vector_db_id" : "vs_\\u00e9",\n"ttl_seconds":null '),
        body(chunks=MANY + ',{"content":"\\ud83d\\ude00 \u00e9","chunk_metadata":{"a":[null,1]}}'.encode()),
        body(rest=b'"vector_store_id":"vs_1","chunks":[{"content":"the last of two counts"}]'),
    ],
)
async def test_a_long_body_means_what_it_does_read_at_once(whole):
    assert await parsed(whole, InsertRequest, CHUNKS) == InsertRequest.model_validate_json(whole)


@pytest.mark.parametrize(
    "whole",
    [
        body(chunks=MANY + b',{"content":""},' + MANY),
        body(chunks=MANY + b',{"content":"a","colour":1}'),
        body(chunks=MANY + b',{"content":"a","embedding":[NaN]}'),
        body(chunks=MANY + rb',{"content":"\ud800"}'),
        body(chunks=MANY + b',{"content":"\xff"}'),
        body(chunks=MANY + b",3"),
        body(chunks=MANY + b","),
        body(chunks=",".join(['{"content":"a"}'] * 20_000).encode()),
        body(rest=b'"colour":1,"vector_store_id":"vs_1"'),
        body(rest=b'"ttl_seconds":null'),
        body(rest=b'"vector_store_id":"vs_1","chunks":3'),
        body()[:-1],
        b"[%s]" % MANY,
        b'{"vector_store_id":"%s"}' % MANY.hex().encode(),
    ],
)
async def test_a_long_body_is_refused_as_it_is_read_at_once(whole):
    with pytest.raises(ValidationError) as expected:
        InsertRequest.model_validate_json(whole)
    with pytest.raises(ValidationError) as raised:
        await parsed(whole, InsertRequest, CHUNKS)
    assert raised.value.errors(include_input=False) == expected.value.errors(include_input=False)


@pytest.mark.parametrize("inner", [b"[" * 70 + b"]" * 70, b"[" + b"0," * 400_000 + b"0]"])
async def test_a_long_body_is_held_to_the_limits_of_all(inner):
    with pytest.raises(InvalidRequest, match=r"deeper than|JSON values"):
        await parsed(body(rest=b'"x":' + inner), InsertRequest, CHUNKS)


READERS: list[threading.Thread] = []


class Item(BaseModel):
    text: Annotated[str, AfterValidator(lambda text: READERS.append(threading.current_thread()) or text)]


class Items(BaseModel):
    items: list[Item]


@pytest.mark.parametrize(("size", "beside"), [(10, False), (LONG, True)])
async def test_only_long_bodies_are_read_beside_the_loop(size, beside):
    READERS.clear()
    await parsed(b'{"items":[{"text":"%s"}]}' % (b"a" * size), Items, LongList("items", Item))
    assert [reader is not threading.current_thread() for reader in READERS] == [beside]
