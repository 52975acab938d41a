"""Room for so many requests at once; who finds none waits in line for a moment, and is refused after it."""

from __future__ import annotations

import asyncio
from collections import deque

from stack.errors import Overloaded

QUEUE_S = 0.1  # longer waits would only add to what the caller waits for already


class Room:
    """Places for `size` requests. Whoever entered leaves with `leave`, once."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.taken = 0
        self._line: deque[asyncio.Future[bool]] = deque()

    async def enter(self) -> None:
        """Take a place, after all who wait for one, within QUEUE_S. Raises: Overloaded."""
        if self.taken < self.size:  # then nobody waits: a place that is left goes to the first in line
            self.taken += 1
            return
        loop = asyncio.get_running_loop()
        place: asyncio.Future[bool] = loop.create_future()
        self._line.append(place)
        patience = loop.call_later(QUEUE_S, _answer, place, False)
        try:
            has_place = await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled() and place.result():
                self.leave()  # it was given one just as its caller left
            raise
        finally:
            patience.cancel()
            self._forget()
        if not has_place:
            raise Overloaded(f"this server answers {self.size} requests at once and has as many: try again")

    def leave(self) -> None:
        """Give a place back: to the first who still waits for one."""
        while self._line:
            if _answer(self._line.popleft(), True):
                return
        self.taken -= 1

    def _forget(self) -> None:
        while self._line and self._line[0].done():
            self._line.popleft()


def _answer(place: asyncio.Future[bool], has_place: bool) -> bool:
    """Tell one in line; False if nobody listens any more."""
    if place.done():
        return False
    place.set_result(has_place)
    return True
