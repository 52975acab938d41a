"""An upstream's stream is passed on event by event, and never ends like a good one when it was not."""

from __future__ import annotations

import json

import pytest

from stack.apis.wire import DONE
from stack.errors import BadUpstreamReply, Unreachable
from stack.providers.remote.relay import Relay


def event(content: str, finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {"content": content}, "finish_reason": finish}
    return b"data: " + json.dumps({"model": "m", "choices": [choice]}, ensure_ascii=False).encode() + b"\n\n"


WHOLE = event("a") + event("b [DONE] \ndata: [DONE]") + event("ü🦙", "stop") + DONE


def relayed(*parts: bytes) -> bytes:
    relay = Relay("up")
    sent = b""
    for part in parts:
        if relay.failure is None:
            relay.feed(part)
            sent += relay.take()
    if relay.failure is None and not relay.done:
        relay.end()
        sent += relay.take()
    if relay.failure is not None:
        raise relay.failure
    return sent


def test_events_pass_as_they_came():
    assert relayed(WHOLE) == WHOLE


def test_a_stream_cut_at_any_byte_is_put_together():
    assert all(relayed(WHOLE[:cut], WHOLE[cut:]) == WHOLE for cut in range(len(WHOLE)))
    assert relayed(*(bytes([byte]) for byte in WHOLE)) == WHOLE


@pytest.mark.parametrize("line_end", [b"\r\n", b"\r"])
def test_other_line_ends_become_plain_ones(line_end: bytes):
    sent = WHOLE.replace(b"\n", line_end)
    assert all(relayed(sent[:cut], sent[cut:]) == WHOLE for cut in range(len(sent)))


def test_a_done_that_is_half_of_an_event_is_no_end():
    with pytest.raises(BadUpstreamReply):
        relayed(event("a", "stop") + b"data: x\ndata: [DONE]\n\n")


def test_nothing_passes_after_done():
    assert relayed(WHOLE + event("late")) == WHOLE


def test_comments_and_other_fields_pass():
    sent = b": ping\n\n" + b"id: 1\nevent: message\n" + event("a", "stop") + DONE
    assert relayed(sent) == sent


def test_fields_without_data_are_left_out():
    assert relayed(b"retry: 3000\n\n" + WHOLE) == WHOLE


def test_data_over_several_lines_is_put_on_one():
    whole = b"id: 1\n" + event("a", "stop") + DONE
    assert relayed(whole.replace(b', "choices"', b',\ndata: "choices"')) == whole


def test_done_is_added_after_a_finish_reason():
    assert relayed(event("a", "stop")) == event("a", "stop") + DONE


def test_a_last_event_without_its_blank_line_counts():
    assert relayed(event("a", "stop")[:-2]) == event("a", "stop") + DONE


@pytest.mark.parametrize("sent", [b"", event("a"), event("a") + event("b", "stop")[:-10], b": ping\n\n"])
def test_an_end_before_the_finish_raises(sent: bytes):
    with pytest.raises((Unreachable, BadUpstreamReply)):
        relayed(sent)


@pytest.mark.parametrize(
    "bad",
    [
        b"data: {oops\n\n",
        b'data: "text"\n\n',
        b"data: {}\n\n",
        b'data: {"choices":"x"}\n\n',
        b'data: {"choices":[{"delta":{"content":"\xff"}}]}\n\n',
    ],
)
def test_an_event_that_is_no_chunk_raises(bad: bytes):
    with pytest.raises(BadUpstreamReply):
        relayed(event("a") + bad)


def test_an_error_event_raises_with_the_upstreams_object():
    with pytest.raises(BadUpstreamReply, match="boom") as raised:
        relayed(event("a") + b'data: {"error":{"message":"boom"}}\n\n')
    assert raised.value.code == "upstream_error"


@pytest.mark.parametrize("bad", [b"data: {oops\n\n", b'data: {"error":{"message":"boom"}}\n\n', b"data: \xff\n\n"])
def test_the_events_before_a_bad_one_are_given(bad: bytes):
    relay = Relay("up")
    relay.feed(event("a") + event("b") + bad + event("c"))
    assert relay.take() == event("a") + event("b")
    assert relay.failure is not None


def test_an_endless_event_is_cut_off():
    with pytest.raises(BadUpstreamReply, match="more than 1 MiB"):
        relayed(*[b"data: " + b"x" * 100_000] * 20)
