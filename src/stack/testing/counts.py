"""What a fake upstream has seen: requests by model, and how each of them ended."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from stack.testing.http import Request

KEPT_REQUESTS = 500


@dataclass(frozen=True)
class Counts:
    """Numbers of one moment, by model where it makes sense.

    aborted: the caller left before the answer was complete. active: requests being answered.
    connections: open now; accepted: since the start.
    """

    requests: Counter[str] = field(default_factory=Counter)
    completed: Counter[str] = field(default_factory=Counter)
    aborted: Counter[str] = field(default_factory=Counter)
    redirect_followed: Counter[str] = field(default_factory=Counter)
    active: int = 0
    connections: int = 0
    accepted: int = 0

    def json(self) -> dict[str, Any]:
        """The numbers as the page `/counts` shows them."""
        return {**vars(self), "total": self.requests.total()}


class Ledger:
    """Counts and keeps requests; written by the upstream's loop, read from any thread."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._totals = Counts()
        self._received: defaultdict[str, deque[Request]] = defaultdict(lambda: deque(maxlen=KEPT_REQUESTS))
        self._active = 0

    def begin(self, model: str, request: Request) -> int:
        """Note a request; which one of its model it is, from 1."""
        with self._changed:
            self._active += 1
            self._totals.requests[model] += 1
            self._received[model].append(request)
            self._changed.notify_all()
            return self._totals.requests[model]

    def end(self, model: str, *, aborted: bool) -> None:
        with self._changed:
            self._active -= 1
            (self._totals.aborted if aborted else self._totals.completed)[model] += 1
            self._changed.notify_all()

    def redirect_followed(self, model: str) -> None:
        with self._changed:
            self._totals.redirect_followed[model] += 1
            self._changed.notify_all()

    def received(self, model: str) -> list[Request]:
        """The last requests for a model, oldest first."""
        with self._changed:
            return list(self._received.get(model, ()))

    def reset(self) -> None:
        with self._changed:
            self._totals = Counts()
            self._received.clear()

    def counts(self, connections: int = 0, accepted: int = 0) -> Counts:
        with self._changed:
            now = self._totals
            return Counts(
                Counter(now.requests),
                Counter(now.completed),
                Counter(now.aborted),
                Counter(now.redirect_followed),
                self._active,
                connections,
                accepted,
            )

    def wait_until(self, true: Callable[[Counts], bool], timeout_s: float) -> bool:
        """Block this thread until the counts are as wanted; False when the time is over."""
        with self._changed:
            return self._changed.wait_for(lambda: true(self.counts()), timeout_s)
