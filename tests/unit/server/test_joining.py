"""A head is written in one piece with what follows it at once; nothing waits longer than a turn of the loop."""

from __future__ import annotations

import asyncio

import pytest

from stack.server.joining import Joining

HEAD, BODY, CONTINUE = b"HTTP/1.1 200 OK\r\n\r\n", b"body", b"HTTP/1.1 100 Continue\r\n\r\n"


class Written(asyncio.Transport):
    """A transport that keeps each write apart, as the kernel would see it."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[bytes] = []

    def write(self, data: object) -> None:
        self.pieces.append(data)  # type: ignore[arg-type]

    def close(self) -> None:
        self.pieces.append(b"closed")


@pytest.mark.parametrize(
    ("writes", "pieces"),
    [
        ([HEAD, BODY], [HEAD + BODY]),
        ([HEAD, BODY, BODY], [HEAD + BODY, BODY]),
        ([BODY, HEAD, BODY], [BODY, HEAD + BODY]),
        ([HEAD], [HEAD]),
        ([CONTINUE], [CONTINUE]),
    ],
)
async def test_only_a_head_waits_and_only_for_this_turn(writes: list[bytes], pieces: list[bytes]):
    written = Written()
    joining = Joining(written, asyncio.get_running_loop())
    for data in writes:
        joining.write(data)
    await asyncio.sleep(0)
    assert written.pieces == pieces


async def test_a_head_leaves_before_the_close():
    written = Written()
    joining = Joining(written, asyncio.get_running_loop())
    joining.write(HEAD)
    joining.close()
    await asyncio.sleep(0)
    assert written.pieces == [HEAD, b"closed"]
