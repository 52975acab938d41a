"""Who finds no room waits in line, in order and not long; time goes on only while everybody waits."""

from __future__ import annotations

import asyncio

import pytest

from stack.errors import Overloaded
from stack.server.room import QUEUE_S, Room


class Line:
    """Requests that enter one after the other; `heard` are those that were answered, and when."""

    def __init__(self, room: Room) -> None:
        self.room = room
        self.heard: list[tuple[int, str, float]] = []
        self.waiting: list[asyncio.Task[None]] = []

    async def come(self, count: int) -> None:
        first = len(self.waiting)
        self.waiting += [asyncio.create_task(self._enter(first + number)) for number in range(count)]
        await self.settle()

    async def settle(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)

    async def _enter(self, number: int) -> None:
        try:
            await self.room.enter()
            outcome = "entered"
        except Overloaded:
            outcome = "refused"
        self.heard.append((number, outcome, asyncio.get_running_loop().time()))


@pytest.fixture
async def line() -> Line:
    """A room of two that is full."""
    line = Line(Room(2))
    await line.room.enter()
    await line.room.enter()
    return line


def now() -> float:
    return asyncio.get_running_loop().time()


async def test_there_is_room_for_as_many_as_it_has():
    room = Room(3)
    for _ in range(3):
        await room.enter()
    assert room.taken == 3


async def test_places_go_to_those_in_line_in_order(line: Line):
    await line.come(3)
    line.room.leave()
    line.room.leave()
    await line.settle()
    assert [(number, outcome) for number, outcome, _ in line.heard] == [(0, "entered"), (1, "entered")]
    assert line.room.taken == 2


async def test_nobody_enters_before_those_in_line(line: Line):
    await line.come(1)
    line.room.leave()
    await line.come(1)
    assert [number for number, _, _ in line.heard] == [0]


async def test_nobody_waits_longer_than_the_queue_and_all_are_refused_then(line: Line):
    began = now()
    await line.come(50)
    await asyncio.gather(*line.waiting)
    assert sorted(line.heard)[::49] == [(0, "refused", now()), (49, "refused", now())]
    assert [when - began for _, _, when in line.heard] == pytest.approx([QUEUE_S] * 50)


async def test_each_waits_from_its_own_coming(line: Line):
    began = now()
    await line.come(1)
    await asyncio.sleep(QUEUE_S / 2)  # of a clock that skips
    await line.come(1)
    await asyncio.gather(*line.waiting)
    assert [when - began for _, _, when in line.heard] == pytest.approx([QUEUE_S, QUEUE_S * 1.5])


async def test_who_leaves_the_line_frees_its_place_in_it(line: Line):
    await line.come(3)
    line.waiting[0].cancel()
    line.waiting[1].cancel()
    await line.settle()
    line.room.leave()
    await line.settle()
    assert [(number, outcome) for number, outcome, _ in line.heard] == [(2, "entered")]


async def test_a_place_given_to_one_who_leaves_goes_to_the_next(line: Line):
    await line.come(2)
    line.room.leave()
    line.waiting[0].cancel()
    await line.settle()
    assert [(number, outcome) for number, outcome, _ in line.heard] == [(1, "entered")]


async def test_nothing_is_left_of_a_line_once_all_have_gone(line: Line):
    await line.come(100)
    for task in line.waiting[::2]:
        task.cancel()
    await asyncio.gather(*line.waiting, return_exceptions=True)
    line.room.leave()
    line.room.leave()
    assert (line.room.taken, len(line.room._line)) == (0, 0)


async def test_a_refusal_tells_when_to_come_back(line: Line):
    with pytest.raises(Overloaded) as raised:
        await line.room.enter()
    assert (raised.value.status, raised.value.headers()["retry-after"]) == (503, "1")
    assert "x-should-retry" not in raised.value.headers()
