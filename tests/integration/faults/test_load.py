"""Many streams, too many callers, and answers without measure: time and memory stay bounded."""

from __future__ import annotations

import asyncio
import resource
import time
from itertools import islice
from statistics import median

import pytest
from integration.faults.connections import ask, caller, chat
from integration.faults.memory import forget_peak, peak, resident
from integration.wire import error_in, head

from stack.server.room import QUEUE_S

STREAMS = 1000
CALLERS, ROOM = 3000, 2000  # as many as a server answers at once unless it is set otherwise, and half as many on top
MIB = 1024  # in the KiB of `memory`
HEALTH = head("/v1/health", "GET", connection="close")


async def test_a_thousand_streams_at_once_are_whole_and_small(serving, own_upstream):
    server = await serving()
    await asyncio.gather(*(ask(server.port, chat("ok", stream=True)) for _ in range(20)))
    before = forget_peak(server.pid)
    request = chat("stream-10-every-400", stream=True)
    answers = await asyncio.gather(*(ask(server.port, request) for _ in range(STREAMS)))
    assert {(answer.status, answer.body.endswith(b"data: [DONE]\n\n")) for answer in answers} == {(200, True)}
    assert own_upstream.counts.requests["stream-10-every-400"] == STREAMS
    assert (peak(server.pid) - before) / STREAMS <= 100


@pytest.fixture
async def crowded(serving, own_upstream):
    """A server that answers as many requests as it may, all of them silent."""
    server = await serving(MAX_IN_FLIGHT=100)
    waiting = [asyncio.create_task(ask(server.port, chat("fault-hang"))) for _ in range(100)]
    await asyncio.to_thread(own_upstream.wait_until, lambda seen: seen.requests["fault-hang"] == 100)
    yield server
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


async def timed(port, request):
    began = time.perf_counter()
    return await ask(port, request), time.perf_counter() - began


async def test_who_comes_on_top_is_refused_after_a_moment_while_health_answers(crowded, own_upstream):
    refused = [await timed(crowded.port, chat("ok@refused")) for _ in range(50)]
    errors = {(answer.status, error_in(answer.body)["code"], answer.headers["retry-after"]) for answer, _ in refused}
    assert errors == {(503, "overloaded", "1")}
    assert 0.9 * QUEUE_S < median(seconds for _, seconds in refused) < 5
    assert own_upstream.counts.requests["ok@refused"] == 0
    answer, seconds = await timed(crowded.port, HEALTH)
    assert (answer.status, seconds < 20) == (200, True)


async def test_a_crowd_on_top_is_refused_all_at_once(crowded):
    began = time.perf_counter()
    answers = await asyncio.gather(*(ask(crowded.port, chat("ok")) for _ in range(300)))
    assert {answer.status for answer in answers} == {503}
    assert time.perf_counter() - began < 20  # one after the other they would wait 300 * QUEUE_S, which is 30


@pytest.fixture
def many_files():
    """As many open files as callers and upstream need in this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * CALLERS + 500
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"this process may open {hard} files only")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
async def besieged(serving, own_upstream, many_files):
    """A server as it is set by default, all its room taken by silent answers; and those whom it refused."""
    server = await serving()
    callers = [asyncio.create_task(ask(server.port, chat("fault-hang"))) for _ in range(CALLERS)]
    refused = [await each for each in islice(asyncio.as_completed(callers), CALLERS - ROOM)]
    yield server, refused
    for task in callers:
        task.cancel()
    await asyncio.gather(*callers, return_exceptions=True)
    await asyncio.to_thread(own_upstream.wait_until, lambda seen: seen.active == 0)
    assert (await ask(server.port, chat("ok"))).status == 200


async def test_of_three_thousand_callers_as_many_are_answered_as_there_is_room(besieged, own_upstream):
    server, refused = besieged
    told = {(answer.status, error_in(answer.body)["code"], answer.headers.get("retry-after")) for answer in refused}
    assert told == {(503, "overloaded", "1")}
    seen = await asyncio.to_thread(own_upstream.wait_until, lambda seen: seen.active == ROOM)
    assert seen.requests["fault-hang"] == ROOM
    healthy = [await timed(server.port, HEALTH) for _ in range(5)]
    assert {answer.status for answer, _ in healthy} == {200}
    assert median(seconds for _, seconds in healthy) < 5
    late = [await timed(server.port, chat("ok")) for _ in range(5)]
    assert {answer.status for answer, _ in late} == {503}
    assert 0.9 * QUEUE_S < median(seconds for _, seconds in late) < 5


async def test_who_waits_in_line_is_answered_once_there_is_room(serving, own_upstream):
    server = await serving(MAX_IN_FLIGHT=1, first="import stack.server.room as room; room.QUEUE_S = 60")
    first = asyncio.create_task(ask(server.port, chat("stream-50-every-20", stream=True)))
    await asyncio.to_thread(own_upstream.wait_until, lambda seen: seen.requests["stream-50-every-20"] == 1)
    answers = await asyncio.gather(*(ask(server.port, chat("ok@later")) for _ in range(3)))
    assert [answer.status for answer in answers] == [200] * 3
    assert (await first).body.endswith(b"[DONE]\n\n")
    began, later = (own_upstream.requests(name)[0].monotonic_s for name in ("stream-50-every-20", "ok@later"))
    assert later - began >= 50 * 0.02


async def test_there_is_room_again_once_callers_leave(serving, own_upstream):
    server = await serving(MAX_IN_FLIGHT=1)
    async with caller(server.port) as (_, writer):
        writer.write(chat("fault-hang"))
        await asyncio.to_thread(own_upstream.wait_until, lambda seen: seen.requests["fault-hang"] == 1)
        assert (await ask(server.port, chat("ok"))).status == 503
    await asyncio.to_thread(own_upstream.wait_until, lambda seen: seen.aborted["fault-hang"] == 1)
    assert (await ask(server.port, chat("ok"))).status == 200


@pytest.mark.parametrize(
    ("fault", "stream"),
    [
        ("fault-huge-128", False),
        ("fault-gzip-bomb-128", False),
        ("fault-gzip-bomb-128", True),
        ("fault-endless-body", False),
        ("fault-endless-event", True),
    ],
)
async def test_an_answer_without_measure_costs_less_than_twice_its_cap(serving, fault, stream):
    cap = 16 * MIB
    server = await serving(MAX_RESPONSE_BYTES=cap * 1024)
    await asyncio.gather(*(ask(server.port, chat("ok", stream=True)) for _ in range(20)))
    before = forget_peak(server.pid)
    answer = await ask(server.port, chat(fault, stream=stream))
    assert (answer.status, error_in(answer.body)["code"]) == (502, "upstream_too_large")
    assert peak(server.pid) - before < 2 * cap


@pytest.mark.parametrize(
    ("fault", "stream"), [("fault-huge-64", False), ("fault-gzip-bomb-64", False), ("fault-huge-event-2", True)]
)
async def test_what_a_broken_answer_held_is_let_go_at_once(serving, fault, stream):
    server = await serving(MAX_RESPONSE_BYTES=2 * MIB * 1024)
    request = chat(fault, stream=stream)
    for _ in range(5):
        await ask(server.port, request)
    before = resident(server.pid)
    for _ in range(40):
        await ask(server.port, request)
    assert resident(server.pid) - before <= 8 * MIB
