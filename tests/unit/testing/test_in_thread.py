"""A manager on a loop of its own enters and leaves there, and its failure is the caller's."""

from __future__ import annotations

import threading
from contextlib import asynccontextmanager

import pytest

from stack.testing.thread import in_thread


def test_it_enters_and_leaves_in_one_other_thread():
    seen = []

    @asynccontextmanager
    async def manager():
        seen.append(threading.current_thread())
        yield "value"
        seen.append(threading.current_thread())

    with in_thread(manager()) as value:
        assert value == "value"
    assert seen[0] is seen[1] is not threading.current_thread()


def test_what_entering_raises_is_raised_here():
    @asynccontextmanager
    async def manager():
        raise OSError("the port is taken")
        yield

    with pytest.raises(OSError, match="the port is taken"), in_thread(manager()):
        pass
