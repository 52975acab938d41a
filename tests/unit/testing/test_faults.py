"""Each fault shows its effect to a client that sees raw bytes."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
from email.utils import parsedate_to_datetime
from pathlib import Path
from time import monotonic, time

import pytest

from stack.testing.answers import WORDS
from stack.testing.faults import FAULTS, find, name_at

TEXT = "".join(WORDS)
MIB = 1024 * 1024


def code(heard):
    return heard.json["error"]["code"]


STATUSES = [
    *[(f"fault-{status}", lambda h: h.json["error"]["message"]) for status in (400, 401, 403, 404, 408, 409, 413, 422)],
    *[(f"fault-{status}", lambda h: h.json["error"]["type"] == "server_error") for status in (500, 502, 503, 504, 529)],
    ("fault-404", lambda h: code(h) == "model_not_found"),
    ("fault-429", lambda h: code(h) == "rate_limit_exceeded"),
    ("fault-429-retry-after-2", lambda h: h.header("retry-after") == "2"),
    ("fault-429-retry-after--1", lambda h: h.header("retry-after") == "-1"),
    ("fault-429-retry-after-ms-250", lambda h: h.header("retry-after-ms") == "250"),
    (
        "fault-429-retry-after-date-3600",
        lambda h: 3000 < parsedate_to_datetime(h.header("retry-after")).timestamp() - time() <= 3600,
    ),
    ("fault-503-should-retry-false", lambda h: h.header("x-should-retry") == "false"),
    ("fault-429-quota", lambda h: code(h) == "insufficient_quota"),
    ("fault-400-context", lambda h: code(h) == "context_length_exceeded"),
    ("fault-400-content-filter", lambda h: code(h) == "content_filter"),
    ("fault-401-echo-key", lambda h: "canary" in h.json["error"]["message"]),
    ("fault-502-html", lambda h: h.header("content-type").startswith("text/html") and b"<h1>" in h.body),
    ("fault-503-empty", lambda h: h.body == b"" and "content-type" not in h.head),
    ("fault-400-detail", lambda h: isinstance(h.json["detail"], str)),
    ("fault-400-error-text", lambda h: isinstance(h.json["error"], str)),
]


@pytest.mark.parametrize(("model", "shows"), STATUSES)
async def test_a_status_fault_has_its_status_and_its_mark(ask, model, shows):
    heard = await ask(model, headers={"authorization": "Bearer canary"})
    assert heard.status == int(model.split("-")[1])
    assert shows(heard)


BODIES = [
    ("size-100000", lambda h: h.text == "x" * 100_000),
    ("size-1500", lambda h: len(h.text) == 1500),
    ("stream-1000", lambda h: h.text == TEXT * 125),
    ("fault-malformed-json", lambda h: h.body.startswith(b'{"id":') and not h.body.endswith(b"}")),
    ("fault-empty-200", lambda h: h.body == b""),
    ("fault-wrong-schema", lambda h: h.json["choices"] == "none"),
    ("fault-json-array", lambda h: isinstance(h.json, list)),
    ("fault-null-content", lambda h: h.text is None and "usage" not in h.json),
    ("fault-error-200", lambda h: h.json["error"]["type"] == "server_error"),
    ("fault-wrong-content-type", lambda h: h.header("content-type") == "text/html" and h.text == TEXT),
    ("fault-invalid-utf8-json", lambda h: b"\xff\xfe" in h.body),
    ("fault-bad-gzip", lambda h: h.header("content-encoding") == "gzip" and h.text == TEXT),
    ("fault-huge-4", lambda h: len(h.text) == 4 * MIB),
    ("fault-gzip-bomb-8", lambda h: len(h.body) < MIB / 50 and len(gzip.decompress(h.body)) > 8 * MIB),
    ("fault-header-bomb-256", lambda h: len(h.header("x-bomb")) == 256 * 1024 and h.text == TEXT),
    ("fault-many-headers-500", lambda h: h.head.count("\r\nx-more-") == 500),
    ("fault-until-close", lambda h: "content-length" not in h.head and h.text == TEXT),
    ("fault-idle-close", lambda h: h.text == TEXT),
]


@pytest.mark.parametrize(("model", "shows"), BODIES)
async def test_a_body_fault_is_a_200_with_its_mark(ask, model, shows):
    heard = await ask(model)
    assert (heard.status, heard.ended) == (200, "eof")
    assert shows(heard)


STREAMS = [
    ("stream-1000", lambda h: len(h.events) == 1002),
    ("fault-no-done", lambda h: '"finish_reason":"stop"' in h.events[-1]),
    ("fault-no-finish-reason", lambda h: h.text == TEXT and h.events[-1] == "[DONE]" and "stop" not in h.events[-2]),
    ("fault-truncated-stream", lambda h: len(h.events) == 3 and h.data.endswith(b"\r\n0\r\n\r\n")),
    ("fault-truncated-stream-1", lambda h: len(h.events) == 1),
    ("fault-stream-error", lambda h: "error" in json.loads(h.events[2]) and h.events[-1] == "[DONE]"),
    ("fault-stream-error-0", lambda h: "error" in json.loads(h.events[0])),
    ("fault-stream-named-error", lambda h: b"\n\nevent: error\ndata: {" in h.body and h.events[-1] != "[DONE]"),
    ("fault-duplicate-chunks", lambda h: h.events[0] == h.events[1] and h.events.count("[DONE]") == 1),
    ("fault-after-done", lambda h: h.events[-2] == "[DONE]" and "too late" in h.events[-1]),
    ("fault-invalid-sse", lambda h: b"\n\nwhat is this\n\n" in h.body and "{not json" in h.events),
    ("fault-invalid-utf8", lambda h: b"\xff\xfe" in h.body and h.events[-1] == "[DONE]"),
    ("fault-huge-event-4", lambda h: len(h.events) == 3 and len(h.text) > 4 * MIB),
    ("fault-empty-stream", lambda h: h.header("content-type").startswith("text/event-stream") and h.body == b""),
    ("fault-json-for-stream", lambda h: h.header("content-type") == "application/json" and h.text == TEXT),
]


@pytest.mark.parametrize(("model", "shows"), STREAMS)
async def test_a_stream_fault_is_a_200_with_its_mark(ask, model, shows):
    heard = await ask(model, stream=True)
    assert (heard.status, heard.ended) == (200, "eof")
    assert shows(heard)


LEGAL = [
    ("ok", lambda h: len(h.chunks) == len(h.events)),
    ("stream-8-every-5", lambda h: len(h.events) == 10),
    ("fault-split-sse", lambda h: {len(chunk) for chunk in h.chunks} == {1}),
    ("fault-crlf-sse", lambda h: b"\r\n\r\n" in h.body and any(chunk.startswith(b"\n") for chunk in h.chunks)),
    ("fault-sse-comments", lambda h: h.body.startswith(b": ping") and h.body.count(b": ping\n\n") == len(h.events)),
    ("fault-odd-sse", lambda h: b"\ndata:{\ndata:" in h.body and b"retry: 3000" in h.body and b"\nid: 7\n" in h.body),
    ("gpt-anything", lambda h: h.events[-1] == "[DONE]"),
]


@pytest.mark.parametrize(("model", "shows"), LEGAL)
async def test_a_legal_stream_has_the_whole_text_however_odd_it_looks(ask, model, shows):
    heard = await ask(model, stream=True)
    assert (heard.text, heard.events[-1], heard.ended) == (TEXT, "[DONE]", "eof")
    assert shows(heard)


BROKEN = [
    ("fault-reset", False, "reset", lambda h: h.data == b""),
    ("fault-close", False, "eof", lambda h: h.data == b""),
    ("fault-reset-midheaders", False, "reset", lambda h: h.data.endswith(b"content-ty")),
    ("fault-close-midheaders", False, "eof", lambda h: h.data.endswith(b"content-ty")),
    ("fault-reset-midbody", True, "reset", lambda h: 0 < len(h.body) < int(h.header("content-length"))),
    ("fault-reset-midstream", True, "reset", lambda h: len(h.events) == 3),
    ("fault-reset-midstream-0", True, "reset", lambda h: h.status == 200 and h.body == b""),
    ("fault-reset-midstream", False, "reset", lambda h: 0 < len(h.body) < int(h.header("content-length"))),
    ("fault-close-midstream", True, "eof", lambda h: len(h.events) == 3 and not h.data.endswith(b"0\r\n\r\n")),
    ("fault-close-midstream-1", True, "eof", lambda h: len(h.events) == 1),
    ("fault-short-body", False, "eof", lambda h: len(h.body) < int(h.header("content-length"))),
    ("fault-bad-chunked", False, "eof", lambda h: b"\r\n\r\nsize?\r\n" in h.data),
    ("fault-cl-te", False, "eof", lambda h: "content-length" in h.head and h.data.endswith(b"forged")),
    ("fault-extra-response", False, "eof", lambda h: h.data.count(b"HTTP/1.1 200") == 2 and h.data.endswith(b"forged")),
    ("fault-garbage", False, "eof", lambda h: not h.data.startswith(b"HTTP")),
]


@pytest.mark.parametrize(("model", "stream", "ended", "shows"), BROKEN)
async def test_a_connection_fault_ends_as_it_says(ask, model, stream, ended, shows):
    heard = await ask(model, stream=stream)
    assert heard.ended == ended
    assert shows(heard)


@pytest.mark.parametrize(
    ("model", "stream", "events"),
    [("fault-hang", False, None), ("fault-hang-midstream-3", True, 3), ("fault-hang-midstream-0", True, 0)],
)
async def test_a_hang_is_silent_after_what_it_sent(call, upstream, model, stream, events):
    caller = await call(upstream.port)
    caller.send("/v1/chat/completions", {"model": model, "stream": stream})
    await asyncio.to_thread(upstream.wait_until, lambda counts: counts.requests[model] == 1)
    heard = await caller.hear(patience_s=0.2)
    assert heard.ended == "silence"
    assert (len(heard.events) if heard.data else None) == events


@pytest.mark.parametrize(
    ("model", "least_s"),
    [
        ("fault-slow-first-byte-0.2", 0.2),
        ("fault-slow-loris-0.5", 0.2),
        ("fault-slow-body-0.5", 0.1),
        ("stream-10-every-20", 0.2),
    ],
)
async def test_a_slow_answer_is_right_and_takes_its_time(ask, model, least_s):
    begun = monotonic()
    assert (await ask(model)).text
    assert monotonic() - begun >= least_s


async def test_the_headers_of_a_slow_body_come_before_it(call, upstream):
    caller = await call(upstream.port)
    caller.send("/v1/chat/completions", {"model": "fault-slow-body-60000"})
    assert b"content-length" in await caller.reader.readuntil(b"\r\n\r\n")
    assert await caller.reader.read(100) == b"{"


@pytest.mark.parametrize("model", ["fault-endless", "fault-endless-event", "fault-endless-body"])
async def test_an_endless_answer_goes_on_as_long_as_it_is_read(ask, model):
    heard = await ask(model, stream=True, enough=8 * MIB)
    assert heard.ended == "enough"


async def test_endless_comments_hold_no_event(ask):
    heard = await ask("fault-endless-comments-10", stream=True, enough=400)
    assert (heard.ended, heard.events) == ("enough", [])


async def test_interim_answers_come_before_the_right_one(ask):
    heard = await ask("fault-interim-103-times-2")
    assert re.findall(rb"HTTP/1.1 (\d+)", heard.data) == [b"103", b"103", b"200"]


@pytest.mark.parametrize(("model", "status"), [("fault-redirect", 307), ("fault-redirect-302", 302)])
async def test_a_redirect_leads_to_a_page_that_counts_its_visitors(ask, get, upstream, model, status):
    heard = await ask(model)
    await get(heard.header("location"))
    assert (heard.status, upstream.counts.redirect_followed[model]) == (status, 1)


async def test_a_stale_connection_ends_with_the_next_request_on_it(call, upstream):
    caller = await call(upstream.port)
    caller.send("/v1/chat/completions", {"model": "fault-stale-keepalive"})
    assert (await caller.hear_one()).status == 200
    caller.send("/v1/chat/completions", {"model": "ok"})
    heard = await caller.hear()
    assert (heard.data, upstream.counts.requests["ok"]) == (b"", 0)


async def test_flaky_fails_for_its_share_of_requests(call, upstream):
    caller, statuses = await call(upstream.port), []
    for _ in range(200):
        caller.send("/v1/chat/completions", {"model": "fault-flaky-30"})
        statuses.append((await caller.hear_one()).status)
    assert 30 <= statuses.count(503) <= 90
    assert statuses.count(200) == 200 - statuses.count(503)


async def test_echo_tells_what_arrived(ask):
    told = json.loads((await ask("echo", temperature=0.5, headers={"x_mark": "seen"})).text)
    assert (told["headers"]["x-mark"], told["body"]["temperature"], told["target"]) == (
        "seen",
        0.5,
        "/v1/chat/completions",
    )


@pytest.mark.parametrize("row", FAULTS, ids=lambda row: row.example)
def test_an_example_belongs_to_exactly_one_behaviour_that_describes_itself(row):
    assert [each for each in FAULTS if each.pattern.fullmatch(row.example)] == [row]
    assert row.description.strip().endswith(".")


def test_every_behaviour_is_shown_by_a_test_above():
    shown = {find(name) for name in re.findall(r'"([a-z][\w.-]+)"', Path(__file__).read_text())}
    assert [row.example for row in FAULTS if row not in shown] == []


@pytest.mark.parametrize(("number", "name"), [(1, "fault-500"), (2, "fault-500"), (3, "ok"), (100, "ok")])
def test_then_ok_ends_a_fault_after_its_number_of_requests(number, name):
    assert name_at("fault-500-then-ok-2", number) == name
