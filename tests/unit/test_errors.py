"""The tree of errors: each class has its status, and says what its envelope and headers need."""

from __future__ import annotations

import json
import pickle
import time

import pytest

from stack import errors
from stack.errors import (
    BadConfig,
    MethodNotAllowed,
    MissingPackage,
    Problem,
    StackError,
    Unauthorized,
    UpstreamDetail,
    UpstreamError,
    nearest,
    shortened,
)

STATUSES = {
    "StackError": (500, "internal_error", False),
    "InvalidRequest": (400, "invalid_request", False),
    "UnsupportedParameter": (400, "unsupported_parameter", False),
    "Unsupported": (400, "unsupported", False),
    "Unauthorized": (401, "invalid_api_key", False),
    "NotFound": (404, "not_found", False),
    "RequestTimeout": (408, "request_timeout", False),
    "Conflict": (409, "conflict", False),
    "PayloadTooLarge": (413, "payload_too_large", False),
    "UnsupportedMediaType": (415, "unsupported_media_type", False),
    "ProviderUnavailable": (503, "provider_unavailable", False),
    "ProviderBug": (500, "internal_error", False),
    "Overloaded": (503, "overloaded", True),
    "Starting": (503, "server_starting", True),
    "ShuttingDown": (503, "server_shutting_down", True),
    "RateLimited": (429, "rate_limit_exceeded", True),
    "UpstreamTimeout": (504, "upstream_timeout", True),
    "Unreachable": (502, "upstream_unreachable", True),
    "BadUpstreamReply": (502, "upstream_bad_response", True),
    "UpstreamRejected": (502, "upstream_error", False),
}


def made(name: str) -> StackError:
    cls = getattr(errors, name)
    if cls is errors.ProviderBug:
        return errors.ProviderBug()
    return cls("why", provider_id="up", phase="read") if issubclass(cls, UpstreamError) else cls("why")


@pytest.mark.parametrize("name", STATUSES)
def test_each_error_has_its_status_and_code(name: str):
    error = made(name)
    assert (error.status, error.code, error.retryable) == STATUSES[name]
    assert str(error) == error.message


@pytest.mark.parametrize("name", STATUSES)
def test_each_envelope_is_openais(name: str):
    body = json.loads(json.dumps(made(name).envelope("req_1")))["error"]
    assert {"message", "type", "param", "code", "request_id"} <= body.keys()
    assert (body["message"], body["request_id"]) == (made(name).message, "req_1")


@pytest.mark.parametrize("error", [*map(made, STATUSES), errors.MissingPackage("remote::x", ["y>=2"])], ids=repr)
def test_each_goes_to_another_process_as_it_is(error: StackError):
    error.asked("up", "m", 1)
    other = pickle.loads(pickle.dumps(error))  # of our own making
    assert (type(other), str(other), vars(other)) == (type(error), str(error), vars(error))


def test_an_upstream_error_tells_what_the_upstream_said():
    seen = UpstreamDetail(529, "overloaded", "server", "busy", "req_up")
    error = UpstreamError("why", provider_id="up", phase="status", status=503, upstream=seen, retry_after="3")
    assert error.envelope()["error"]["upstream"] == {
        "provider": "up",
        "phase": "status",
        "status": 529,
        "code": "overloaded",
        "type": "server",
        "message": "busy",
        "request_id": "req_up",
    }
    assert error.headers() == {
        "x-stack-attempts": "0",
        "x-stack-provider": "up",
        "retry-after": "3",
        "x-should-retry": "false",
    }


@pytest.mark.parametrize("name", STATUSES)
def test_each_tells_whether_a_retry_can_help_and_who_was_asked(name: str):
    error = made(name)
    error.asked("up", "m", 1)
    headers = error.headers()
    assert ("x-should-retry" in headers) is not STATUSES[name][2]
    assert (headers["x-stack-provider"], headers["x-stack-attempts"]) == ("up", "1")


def test_a_log_line_of_an_upstream_error_repeats_no_text():
    seen = UpstreamDetail(400, "code", "type", "your prompt was: hello", "req_up")
    error = UpstreamError("your prompt was: hello", provider_id="up", phase="status", upstream=seen)
    assert "hello" not in str(error.log_fields())
    assert error.log_fields()["upstream_status"] == 400


def test_an_error_of_one_object_does_not_change_its_class():
    assert errors.NotFound("why", code="model_not_found", param="model").code == "model_not_found"
    assert errors.NotFound("why").code == "not_found"


def test_refusals_carry_the_headers_that_http_wants():
    assert Unauthorized("why").headers()["www-authenticate"] == "Bearer"
    assert MethodNotAllowed("why", ["GET", "HEAD"]).headers()["allow"] == "GET, HEAD"


def test_a_configuration_tells_every_problem_with_its_place():
    problems = [Problem("run.yaml", 3, 5, "server.port", "too high"), Problem("run.yaml", 0, 0, "", "cannot be read")]
    assert str(BadConfig(problems)).split("\n") == ["run.yaml:3:5: server.port: too high", "run.yaml: cannot be read"]


@pytest.mark.parametrize(
    ("packages", "missing", "message"),
    [
        (("a>=1", "b c"), None, "`p` needs packages that are not installed: run `pip install 'a>=1' 'b c'`"),
        (("a",), "a.b", "`p` needs `a.b`, which is not installed: run `pip install a`"),
        ((), "a", "`p` needs `a`, which is not installed: run `pip install a`"),
    ],
)
def test_a_missing_package_comes_with_its_install_line(packages: tuple[str, ...], missing: str | None, message: str):
    assert str(MissingPackage("p", packages, missing)) == message


def test_the_nearest_names_come_first():
    assert nearest("llama-3", ["gpt-4", "llama-3.1", "llama-33", "llama"]) == ["llama-33", "llama-3.1", "llama"]
    assert nearest("llama", {"lama": 1}) == ["lama"]
    assert nearest("llama", []) == []


def test_suggestions_cost_little_however_many_names_there_are_and_however_long_the_asked_one_is():
    known = [f"vendor/model-{number}-instruct-{number % 7}b" for number in range(20_000)]
    began = time.process_time()
    assert known[1234] in nearest(known[1234] + "x", known)
    assert nearest("x" * 1_000_000, known) == []
    assert time.process_time() - began < 1


@pytest.mark.parametrize(("name", "shown"), [("short", "short"), ("x" * 201, "x" * 200 + "...")])
def test_a_long_name_is_repeated_in_part(name: str, shown: str):
    assert shortened(name) == shown
