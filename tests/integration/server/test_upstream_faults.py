"""Which status answers which fault of an upstream, and what is told of it."""

from __future__ import annotations

import pytest
from integration.wire import CHAT, asking, error_in

FAULTS = [
    ("fault-500", 502, "upstream_error"),
    ("fault-502-html", 502, "upstream_error"),
    ("fault-503-empty", 503, "upstream_error"),
    ("fault-529", 503, "upstream_error"),
    ("fault-504", 504, "upstream_timeout"),
    ("fault-408", 504, "upstream_timeout"),
    ("fault-400-context", 400, "context_length_exceeded"),
    ("fault-400-content-filter", 400, "content_filter"),
    ("fault-400-detail", 400, "upstream_error"),
    ("fault-400-error-text", 400, "upstream_error"),
    ("fault-413", 413, "upstream_error"),
    ("fault-422", 422, "upstream_error"),
    ("fault-404", 404, "model_not_found"),
    ("fault-401-echo-key", 502, "upstream_auth_failed"),
    ("fault-403", 502, "upstream_auth_failed"),
    ("fault-429-retry-after-2", 429, "rate_limit_exceeded"),
    ("fault-429-quota", 429, "insufficient_quota"),
    ("fault-hang", 504, "deadline_exceeded"),
    ("fault-slow-loris-200", 504, "deadline_exceeded"),
    ("fault-reset", 502, "upstream_reset"),
    ("fault-close", 502, "upstream_reset"),
    ("fault-reset-midheaders", 502, "upstream_reset"),
    ("fault-reset-midbody", 502, "upstream_reset"),
    ("fault-short-body", 502, "upstream_reset"),
    ("fault-redirect", 502, "upstream_redirect"),
    ("fault-garbage", 502, "upstream_bad_response"),
    ("fault-cl-te", 502, "upstream_bad_response"),
    ("fault-malformed-json", 502, "upstream_bad_response"),
    ("fault-empty-200", 502, "upstream_bad_response"),
    ("fault-wrong-schema", 502, "upstream_bad_response"),
    ("fault-json-array", 502, "upstream_bad_response"),
    ("fault-invalid-utf8-json", 502, "upstream_bad_response"),
    ("fault-bad-gzip", 502, "upstream_bad_response"),
    ("fault-error-200", 502, "upstream_error"),
    ("fault-header-bomb-256", 502, "upstream_too_large"),
    ("fault-huge-64", 502, "upstream_too_large"),
    ("fault-gzip-bomb-64", 502, "upstream_too_large"),
]
SOON = {"x-stack-timeout-ms": "2000"}


@pytest.fixture
def ask(lab):
    def ask(model, **headers):
        return lab.wire.post(
            CHAT, json=asking(model), headers={name.replace("_", "-"): headers[name] for name in headers}
        )

    return ask


@pytest.mark.parametrize(("fault", "status", "code"), FAULTS)
def test_a_fault_has_its_status_and_code(lab, fault, status, code):
    patience = SOON if code == "deadline_exceeded" else {}
    answer = lab.wire.post(CHAT, json=asking(f"faulty/{fault}"), headers=patience)
    error = error_in(answer.content)
    assert (answer.status_code, error["code"], error["upstream"]["provider"]) == (status, code, "faulty")
    assert len(answer.content) < 2000


@pytest.mark.parametrize(
    ("provider", "phase", "code"),
    [("closed", "connect", "upstream_unreachable"), ("self-signed", "tls", "upstream_tls")],
)
def test_connecting_and_tls_are_told_apart(ask, provider, phase, code):
    answer = ask(f"{provider}/ok")
    error = error_in(answer.content)
    assert (answer.status_code, error["code"], error["upstream"]["phase"]) == (502, code, phase)


def test_the_upstreams_own_words_stand_in_upstream(ask):
    upstream = error_in(ask("faulty/fault-400-context").content)["upstream"]
    assert upstream["request_id"].startswith("req-")
    assert upstream | {"request_id": "", "message": ""} == {
        "provider": "faulty",
        "phase": "status",
        "status": 400,
        "code": "context_length_exceeded",
        "type": "invalid_request_error",
        "request_id": "",
        "message": "",
    }


@pytest.mark.parametrize(
    ("fault", "retry_after"), [("429-retry-after-2", "2"), ("503-retry-after-7", "7"), ("429-retry-after-ms-250", "1")]
)
def test_retry_after_is_kept(ask, fault, retry_after):
    assert ask(f"faulty/fault-{fault}").headers["retry-after"] == retry_after


@pytest.mark.parametrize(("fault", "hint"), [("500", None), ("429-quota", "false"), ("400-context", "false")])
def test_callers_are_told_when_a_retry_cannot_help(ask, fault, hint):
    assert ask(f"faulty/fault-{fault}").headers.get("x-should-retry") == hint


def test_an_upstream_is_asked_once(ask, upstream):
    before = upstream.counts.requests["fault-500@once"]
    ask("faulty/fault-500@once")
    assert upstream.counts.requests["fault-500@once"] == before + 1


def test_a_redirect_is_not_followed(ask, upstream):
    ask("faulty/fault-redirect@trap")
    assert upstream.counts.redirect_followed["fault-redirect@trap"] == 0


@pytest.mark.parametrize("fault", ["fault-extra-response", "fault-cl-te", "fault-garbage", "fault-stale-keepalive"])
def test_the_next_answer_is_never_what_a_fault_left_behind(ask, fault):
    ask(f"faulty/{fault}")
    answers = [ask("faulty/ok").json()["choices"][0]["message"]["content"] for _ in range(3)]
    assert set(answers) == {"All is well here: caf\u00e9, \u2014 \U0001f680 done."}


@pytest.mark.parametrize(
    "fault",
    ["fault-wrong-content-type", "fault-null-content", "fault-until-close", "fault-interim-103", "fault-idle-close"],
)
def test_what_is_only_odd_is_answered(ask, fault):
    assert ask(f"faulty/{fault}").status_code == 200
