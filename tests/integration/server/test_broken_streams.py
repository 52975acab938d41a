"""A stream that breaks never ends like a good one."""

from __future__ import annotations

import openai
import pytest
from integration.wire import CHAT, asking, error_in, events

# The upstream pauses before these break: events have gone out, so the status was 200.
LATE = [("fault-reset-midstream", "upstream_reset"), ("fault-hang-midstream-3", "deadline_exceeded")]
# These may break in the first bytes: then the status tells.
EARLY_OR_LATE = [
    ("fault-close-midstream", "upstream_reset"),
    ("fault-truncated-stream", "upstream_truncated"),
    ("fault-stream-error", "upstream_error"),
    ("fault-stream-named-error", "upstream_error"),
    ("fault-invalid-sse", "upstream_bad_response"),
    ("fault-invalid-utf8", "upstream_bad_response"),
    ("fault-huge-event-16", "upstream_too_large"),
    ("fault-empty-stream", "upstream_truncated"),
    ("fault-bad-chunked", "upstream_bad_response"),
]


def in_time(code):
    """A deadline, where it is the deadline that ends the stream: all else comes before it then."""
    return {"x-stack-timeout-ms": "3000"} if code == "deadline_exceeded" else {}


@pytest.mark.parametrize(("fault", "code"), LATE)
@pytest.mark.parametrize("path", [CHAT, "/v1/completions"])
def test_it_ends_with_an_error_event_and_no_done(lab, path, fault, code):
    body = {"prompt": "hi", **asking(f"faulty/{fault}", stream=True)}
    answer = lab.wire.post(path, json=body, headers={"x-request-id": "broken-1", **in_time(code)})
    *before, last = events(answer.content)
    error = error_in(last)
    assert (answer.status_code, error["code"], error["request_id"]) == (200, code, "broken-1")
    assert before
    assert b"[DONE]" not in answer.content


@pytest.mark.parametrize(("fault", "code"), LATE)
def test_it_raises_in_the_client_after_the_chunks_that_came(lab, fault, code):
    stream = lab.client.chat.completions.create(**asking(f"faulty/{fault}", stream=True), extra_headers=in_time(code))
    assert next(stream).choices
    with pytest.raises(openai.APIError) as caught:
        list(stream)
    assert caught.value.code == code


@pytest.mark.parametrize(("fault", "code"), EARLY_OR_LATE)
def test_it_is_an_error_whenever_it_breaks(lab, fault, code):
    answer = lab.wire.post(CHAT, json=asking(f"faulty/{fault}", stream=True))
    told = events(answer.content)[-1] if answer.status_code == 200 else answer.content
    assert error_in(told)["code"] == code
    assert answer.status_code in (200, 502)
    assert b"[DONE]" not in answer.content


@pytest.mark.parametrize(("fault", "code"), EARLY_OR_LATE)
def test_it_raises_whenever_it_breaks(lab, fault, code):
    with pytest.raises(openai.APIError) as caught:
        list(lab.client.chat.completions.create(**asking(f"faulty/{fault}", stream=True)))
    assert caught.value.code == code


@pytest.mark.parametrize(
    "oddity",
    [
        "fault-no-done",
        "fault-split-sse",
        "fault-crlf-sse",
        "fault-sse-comments",
        "fault-odd-sse",
        "fault-json-for-stream",
        "fault-after-done",
    ],
)
def test_one_that_is_only_odd_ends_well(lab, oddity):
    answer = lab.wire.post(CHAT, json=asking(f"faulty/{oddity}", stream=True))
    assert answer.status_code == 200
    assert answer.content.endswith(b"data: [DONE]\n\n")
    assert answer.content.count(b"[DONE]") == 1
    texts = [
        chunk.choices[0].delta.content or ""
        for chunk in lab.client.chat.completions.create(**asking(f"faulty/{oddity}", stream=True))
    ]
    assert "".join(texts) == "All is well here: caf\u00e9, \u2014 \U0001f680 done."
