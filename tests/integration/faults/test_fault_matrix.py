"""Every fault of an upstream, as a caller sees it through a server process when it is tried once.

A row: the fault; status and code; Retry-After; x-should-retry; whether the connection serves another call.
"""

from __future__ import annotations

import shlex
from itertools import count
from typing import NamedTuple

import pytest
from integration.wire import CHAT, asking, error_in, events

NUMBERS = count()
KEPT, CLOSED = True, False
TEXT = "All is well here: caf\u00e9, \u2014 \U0001f680 done."


class Row(NamedTuple):
    fault: str
    status: int
    code: str
    retry_after: str | None = None
    should_retry: str | None = None
    connection: bool = KEPT


# The same whether a stream was asked for or not: nothing of it has begun.
BEFORE_THE_FIRST_BYTE = [
    # what the upstream says itself
    Row("fault-429-retry-after-2", 429, "rate_limit_exceeded", "2"),
    Row("fault-429-retry-after-ms-250", 429, "rate_limit_exceeded", "1"),
    Row("fault-429", 429, "rate_limit_exceeded"),
    Row("fault-429-quota", 429, "insufficient_quota", None, "false"),
    Row("fault-500", 502, "upstream_error"),
    Row("fault-502-html", 502, "upstream_error"),
    Row("fault-503-empty", 503, "upstream_error"),
    Row("fault-503-retry-after-7", 503, "upstream_error", "7"),
    Row("fault-503-should-retry-false", 503, "upstream_error", None, "false"),
    Row("fault-529", 503, "upstream_error"),
    Row("fault-504", 504, "upstream_timeout"),
    Row("fault-408", 504, "upstream_timeout"),
    Row("fault-400-context", 400, "context_length_exceeded", None, "false"),
    Row("fault-400-content-filter", 400, "content_filter", None, "false"),
    Row("fault-413", 413, "upstream_error", None, "false"),
    Row("fault-422", 422, "upstream_error", None, "false"),
    Row("fault-401-echo-key", 502, "upstream_auth_failed", None, "false"),
    Row("fault-403", 502, "upstream_auth_failed", None, "false"),
    Row("fault-404", 404, "model_not_found", None, "false"),
    Row("fault-redirect", 502, "upstream_redirect", None, "false"),
    # connections that break
    Row("fault-reset", 502, "upstream_reset", None, None, CLOSED),
    Row("fault-close", 502, "upstream_reset", None, None, CLOSED),
    Row("fault-reset-midheaders", 502, "upstream_reset", None, None, CLOSED),
    Row("fault-close-midheaders", 502, "upstream_reset", None, None, CLOSED),
    Row("fault-reset-midbody", 502, "upstream_reset", None, None, CLOSED),
    Row("fault-short-body", 502, "upstream_reset", None, None, CLOSED),
    # answers that are none
    Row("fault-malformed-json", 502, "upstream_bad_response"),
    Row("fault-empty-200", 502, "upstream_bad_response"),
    Row("fault-wrong-schema", 502, "upstream_bad_response"),
    Row("fault-json-array", 502, "upstream_bad_response"),
    Row("fault-invalid-utf8-json", 502, "upstream_bad_response"),
    Row("fault-bad-gzip", 502, "upstream_bad_response", None, None, KEPT),
    Row("fault-error-200", 502, "upstream_error"),
    Row("fault-bad-chunked", 502, "upstream_bad_response", None, None, CLOSED),
    Row("fault-garbage", 502, "upstream_bad_response", None, None, CLOSED),
    Row("fault-cl-te", 502, "upstream_bad_response", None, None, CLOSED),
    # too much of one
    Row("fault-huge-64", 502, "upstream_too_large", None, "false", CLOSED),
    Row("fault-gzip-bomb-64", 502, "upstream_too_large", None, "false", CLOSED),
    Row("fault-endless-body", 502, "upstream_too_large", None, "false", CLOSED),
    Row("fault-header-bomb-256", 502, "upstream_too_large", None, "false", CLOSED),
    Row("fault-many-headers-5000", 502, "upstream_too_large", None, "false", CLOSED),
    Row("fault-interim-103-times-3000", 502, "upstream_too_large", None, "false", CLOSED),
]
WITH_ANY_KEY = [row for row in BEFORE_THE_FIRST_BYTE if row.code != "upstream_auth_failed"]
BY_NAME = pytest.mark.parametrize("row", BEFORE_THE_FIRST_BYTE, ids=lambda row: row.fault)
STREAM_OR_NOT = pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])


@pytest.fixture
def ask(matrix):
    """`ask("faulty/fault-500")`: the answer."""

    def ask(model, stream=False, **headers):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return matrix.wire.post(CHAT, json=asking(model, stream=stream), headers=named)

    return ask


@pytest.fixture
def own_connections():
    """Headers of a caller with a key of its own, who shares no connection with others."""
    return {"x_stack_provider_data": f'{{"faulty": {{"api_key": "own-key-{next(NUMBERS)}"}}}}'}


@BY_NAME
@STREAM_OR_NOT
def test_its_answer(ask, row, stream):
    answer = ask(f"faulty/{row.fault}", stream)
    error = error_in(answer.content)
    assert (answer.status_code, error["code"]) == (row.status, row.code)
    assert answer.headers.get("retry-after") == row.retry_after
    assert answer.headers.get("x-should-retry") == row.should_retry
    assert answer.headers["x-stack-provider"] == error["upstream"]["provider"] == "faulty"
    assert answer.headers["x-stack-attempts"] == "1"
    assert answer.headers["x-request-id"] == error["request_id"]
    assert len(answer.content) < 2000


@pytest.mark.parametrize("row", WITH_ANY_KEY, ids=lambda row: row.fault)
def test_it_is_asked_once_and_told_in_one_line_of_the_log(ask, row, upstream, matrix_server, own_connections):
    name, number = f"{row.fault}@{next(NUMBERS)}", f"once-{next(NUMBERS)}"
    ask(f"faulty/{name}", x_request_id=number, **own_connections)
    lines = [line for line in matrix_server.output().splitlines() if f"{number} " in f"{line} "]
    assert upstream.counts.requests[name] == 1
    assert len(lines) == 1
    told = dict(field.partition("=")[::2] for field in shlex.split(lines[0]))
    assert (told["event"], told["level"]) == ("upstream error", "warning")
    assert (told["provider"], told["model"], told["code"]) == ("faulty", name, row.code)
    assert (told["attempt"], told["status"]) == ("1", str(row.status))
    assert float(told["duration_ms"]) >= 0  # the event loop counts whole milliseconds
    assert upstream.counts.redirect_followed[name] == 0


@BY_NAME
def test_its_connection_serves_the_next_call_only_after_a_whole_answer(ask, row, upstream, own_connections):
    before = upstream.counts.accepted
    ask(f"faulty/{row.fault}", **own_connections)
    after = ask("faulty/ok", **own_connections).json()["choices"][0]["message"]["content"]
    assert after == TEXT
    assert upstream.counts.accepted - before == (1 if row.connection is KEPT else 2)


@pytest.mark.parametrize(
    ("fault", "status", "code"), [("fault-401", 401, "invalid_api_key"), ("fault-403", 403, "permission_denied")]
)
def test_a_key_that_the_caller_sent_is_the_callers_to_mend(ask, upstream, own_connections, fault, status, code):
    name = f"{fault}@{next(NUMBERS)}"
    answer = ask(f"faulty/{name}", **own_connections)
    assert (answer.status_code, error_in(answer.content)["code"]) == (status, code)
    assert answer.headers["x-should-retry"] == "false"
    assert upstream.counts.requests[name] == 1


@pytest.mark.parametrize("fault", ["fault-401-echo-key", "fault-403"])
def test_a_refused_key_of_ours_is_an_error_of_the_log_and_makes_its_provider_unavailable(
    ask, matrix, matrix_server, fault
):
    number = f"refused-{next(NUMBERS)}"
    ask(f"faulty/{fault}", x_request_id=number)
    line = next(line for line in matrix_server.output().splitlines() if f"{number} " in f"{line} ")
    assert "level=error" in line
    assert matrix.client.providers.retrieve("faulty").status == "unavailable"
    assert ("faulty", "unavailable") in {
        (each.provider_id, each.status) for each in matrix.client.inspect.ready().providers
    }
    ask("faulty/ok")
    assert matrix.client.providers.retrieve("faulty").status == "available"


# Silence, and whose patience ends it: the limit of `hasty`, or the caller's deadline.
SILENCES = [
    ("hasty/fault-hang", "send", "upstream_timeout", None),
    ("hasty/fault-slow-first-byte-60", "send", "upstream_timeout", None),
    ("hasty/fault-slow-loris-500", "send", "upstream_timeout", None),
    ("faulty/fault-hang", "send", "deadline_exceeded", "1000"),
    ("faulty/fault-slow-body-100", "read", "deadline_exceeded", "3000"),
]


@pytest.mark.parametrize(("model", "phase", "code", "deadline"), SILENCES)
@STREAM_OR_NOT
def test_silence_is_a_timeout(ask, model, phase, code, deadline, stream):
    answer = ask(model, stream, **({"x_stack_timeout_ms": deadline} if deadline else {}))
    error = error_in(answer.content)
    assert (answer.status_code, error["code"], error["upstream"]["phase"]) == (504, code, phase)
    assert answer.elapsed.total_seconds() < 20  # of 60


def test_half_an_answer_and_silence_is_a_timeout(ask):
    answer = ask("restless/fault-hang-midstream-3")
    assert (answer.status_code, error_in(answer.content)["code"]) == (504, "upstream_idle")


# Two events or more have come before these break: the status was 200, and the last event tells.
WITHIN_A_STREAM = [
    ("faulty/fault-reset-midstream", "upstream_reset"),
    ("faulty/fault-close-midstream", "upstream_reset"),
    ("faulty/fault-truncated-stream", "upstream_truncated"),
    ("faulty/fault-stream-error", "upstream_error"),
    ("faulty/fault-stream-named-error", "upstream_error"),
    ("faulty/fault-invalid-sse", "upstream_bad_response"),
    ("faulty/fault-invalid-utf8", "upstream_bad_response"),
    ("faulty/fault-huge-event-16", "upstream_too_large"),
    ("restless/fault-hang-midstream-3", "upstream_idle"),
]


@pytest.mark.parametrize(("model", "code"), WITHIN_A_STREAM)
def test_a_stream_that_breaks_tells_it_in_its_last_event_and_in_the_log(ask, upstream, matrix_server, model, code):
    name = f"{model}@{next(NUMBERS)}"
    answer = ask(name, stream=True)
    *before, last = events(answer.content)
    assert (answer.status_code, error_in(last)["code"]) == (200, code)
    assert all(b'"finish_reason":null' in event for event in before)
    assert before
    assert b"[DONE]" not in answer.content
    assert answer.elapsed.total_seconds() < 20  # of the 60 that others than `restless` wait
    provider, _, asked = name.partition("/")
    assert upstream.counts.requests[asked] == 1
    ask("faulty/ok")  # by when the server has written its line
    line = next(line for line in matrix_server.output().splitlines() if f"model={asked} " in line)
    assert all(f"{field} " in f"{line} " for field in (f"code={code}", f"provider={provider}", "attempt=1"))


@pytest.mark.parametrize(
    ("fault", "code"), [("fault-empty-stream", "upstream_truncated"), ("fault-endless-event", "upstream_too_large")]
)
def test_a_stream_without_one_event_is_told_by_its_status(ask, fault, code):
    answer = ask(f"faulty/{fault}", stream=True)
    assert (answer.status_code, error_in(answer.content)["code"]) == (502, code)


def test_the_deadline_ends_a_stream_that_never_pauses(ask):
    answer = ask("faulty/fault-endless", stream=True, x_stack_timeout_ms="2000")
    assert error_in(events(answer.content)[-1])["code"] == "deadline_exceeded"
    assert answer.elapsed.total_seconds() < 20


def test_comments_are_life_until_the_deadline(ask):
    answer = ask("restless/fault-endless-comments-50", stream=True, x_stack_timeout_ms="5000")
    assert answer.status_code == 200
    assert error_in(events(answer.content)[-1])["code"] == "deadline_exceeded"
    assert answer.content.count(b": still here") > 8


def test_good_answers_tell_who_was_asked_and_how_often(ask):
    for stream in (False, True):
        headers = ask("faulty/ok", stream).headers
        assert (headers["x-stack-provider"], headers["x-stack-attempts"]) == ("faulty", "1")


ONLY_ODD = [
    "fault-wrong-content-type",
    "fault-null-content",
    "fault-until-close",
    "fault-interim-103",
    "fault-idle-close",
]
ODD_STREAMS = ["no-done", "split-sse", "crlf-sse", "sse-comments", "odd-sse", "json-for-stream", "after-done"]


@pytest.mark.parametrize("fault", ONLY_ODD)
def test_what_is_only_odd_is_answered(ask, fault):
    assert ask(f"faulty/{fault}").json()["choices"][0]["message"]["content"] in (TEXT, None)


@pytest.mark.parametrize("fault", ODD_STREAMS)
def test_a_stream_that_is_only_odd_ends_well(matrix, fault):
    request = asking(f"faulty/fault-{fault}", stream=True)
    assert events(matrix.wire.post(CHAT, json=request).content)[-1] == b"[DONE]"
    chunks = matrix.client.chat.completions.create(**request)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == TEXT


def test_duplicate_chunks_are_text_that_came_twice(matrix):
    chunks = matrix.client.chat.completions.create(**asking("faulty/fault-duplicate-chunks", stream=True))
    texts = [chunk.choices[0].delta.content or "" for chunk in chunks]
    assert texts[0::2] == texts[1::2]
    assert "".join(texts[0::2]) == TEXT


def test_a_wrong_content_type_is_told_once_in_the_log(ask, matrix_server):
    for _ in range(3):
        ask("faulty/fault-wrong-content-type")
    assert matrix_server.output().count("under another content type") == 1
