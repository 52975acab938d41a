"""An upstream that no connection reaches: why not, and how soon that is told."""

from __future__ import annotations

import pytest
from integration.faults.connections import ask, chat
from integration.wire import CHAT, asking, error_in

UNREACHABLE = [
    ("refusing", 502, "upstream_unreachable", "connect", None),
    ("unaccepting", 504, "upstream_timeout", "connect", None),
    ("unresolved", 502, "upstream_dns", "dns", None),
    ("misnamed", 502, "upstream_tls", "tls", "false"),
    ("expired", 502, "upstream_tls", "tls", "false"),
]


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize(("provider", "status", "code", "phase", "should_retry"), UNREACHABLE)
def test_it_is_told_at_once(matrix, provider, status, code, phase, should_retry, stream):
    answer = matrix.wire.post(CHAT, json=asking(f"{provider}/ok", stream=stream))
    error = error_in(answer.content)
    assert (answer.status_code, error["code"], error["upstream"]["phase"]) == (status, code, phase)
    assert answer.headers.get("x-should-retry") == should_retry
    assert answer.elapsed.total_seconds() < 4.5  # of the 5 to 60 that may pass until there is a connection


def test_a_certificate_in_order_is_trusted(matrix):
    assert matrix.wire.post(CHAT, json=asking("trusted/ok")).status_code == 200


async def test_the_next_call_finds_an_upstream_that_came_back(serving, own_upstream):
    server = await serving()
    own_upstream.down()
    during = await ask(server.port, chat("ok"))
    await own_upstream.up()
    after = await ask(server.port, chat("ok"))
    assert (during.status, error_in(during.body)["code"], after.status) == (502, "upstream_unreachable", 200)
