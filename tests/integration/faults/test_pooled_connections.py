"""A pooled connection never carries what was not asked for, and one that went stale costs nobody an answer."""

from __future__ import annotations

import asyncio

import pytest
from integration.faults.connections import ask, chat
from integration.wire import error_in

PAIRS = 1000
TEXT = "All is well here: caf\u00e9, \u2014 \U0001f680 done."
OK = TEXT.encode()


@pytest.fixture
async def port(serving, own_upstream):
    """Of a server whose upstream has told its models: nothing more is asked behind the callers' backs."""
    server = await serving()
    await asyncio.to_thread(own_upstream.wait_until, lambda seen: seen.completed["ok"] == 1)
    return server.port


@pytest.mark.parametrize("fault", ["fault-extra-response", "fault-cl-te"])
async def test_a_forged_answer_reaches_nobody(port, fault):
    answers = [await ask(port, chat(name)) for _ in range(PAIRS // 2) for name in (fault, "ok")]
    good = answers[1::2]
    assert [answer.status for answer in good] == [200] * len(good)
    assert all(OK in answer.body for answer in good)
    assert not any(b"forged" in answer.body for answer in answers)


async def test_good_answers_share_one_connection(port, own_upstream):
    for stream in (False, True) * 50:
        assert (await ask(port, chat("ok", stream=stream))).status == 200
    assert own_upstream.counts.accepted == 1


@pytest.mark.parametrize("fault", ["fault-stale-keepalive", "fault-idle-close"])
async def test_a_connection_that_went_stale_is_replaced_at_once(port, own_upstream, fault):
    for number in range(50):
        await ask(port, chat(fault))
        answer = await ask(port, chat(f"ok@{number}"))
        assert (answer.status, own_upstream.counts.requests[f"ok@{number}"]) == (200, 1)


async def test_a_new_connection_that_breaks_is_not_replaced(port, own_upstream):
    await ask(port, chat("fault-idle-close"))
    answer = await ask(port, chat("fault-close@new"))
    assert (answer.status, error_in(answer.body)["code"]) == (502, "upstream_reset")
    assert own_upstream.counts.requests["fault-close@new"] == 1


async def test_one_stale_connection_after_another_is_tried_on_a_new_one_only_once(port, own_upstream):
    await ask(port, chat("ok"))
    answer = await ask(port, chat("fault-close@twice"))
    assert (answer.status, error_in(answer.body)["code"]) == (502, "upstream_reset")
    assert own_upstream.counts.requests["fault-close@twice"] == 2
