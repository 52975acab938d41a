"""A secret that the process knows leaves it in no form: not in a log line, not in a traceback."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from urllib.parse import quote, quote_plus, urlencode

import pytest

from stack.logs import MASK, OneTraceback, Redactor, escape_controls

SECRET = 's3cr3t/+"\\ é€=='
FORMS = {
    "plain": SECRET,
    "a URL's path": quote(SECRET, safe=""),
    "a form": quote_plus(SECRET),
    "a query": urlencode({"key": SECRET}),
    "base64": base64.b64encode(SECRET.encode()).decode(),
    "base64 of URLs": base64.urlsafe_b64encode(SECRET.encode()).decode().rstrip("="),
    "JSON": json.dumps({"key": SECRET}, ensure_ascii=False),
    "JSON in ASCII": json.dumps({"key": SECRET}),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_secret_is_masked_in_every_form(form: str):
    redacted = Redactor([SECRET]).redact(f"before {FORMS[form]} after")
    assert MASK in redacted
    assert redacted.startswith("before ")
    assert redacted.endswith(" after")
    assert "s3cr3t" not in redacted
    assert "czNjcjN0" not in redacted  # the same in base64


NESTED = [
    {"headers": {"authorization": f"Bearer {SECRET}"}},
    {"list": [1, [SECRET], None]},
    {"tuple": (SECRET, True), "set": {SECRET}},
    {"keys": {SECRET: {SECRET: 1}}},
    {"error": ValueError(f"the key {SECRET} is wrong")},
    {"group": ExceptionGroup("several", [KeyError(SECRET)]), "more": [RuntimeError({"key": SECRET})]},
    {"type": type(SECRET, (), {})},
]


@pytest.mark.parametrize("event", NESTED)
def test_a_secret_is_masked_at_every_depth_of_an_event(event: dict[str, object]):
    shown = str(Redactor([SECRET])(None, "warning", event))
    assert "s3cr3t" not in shown
    assert next(iter(event)) in shown


def test_other_values_keep_their_types():
    event = {"count": 3, "ratio": 0.5, "done": True, "nothing": None, "names": ["a"], "text": "plain"}
    assert Redactor([SECRET])(None, "info", event) == event


def test_the_longer_of_two_secrets_is_masked_whole():
    assert Redactor(["sk-abc", "sk-abc-def"]).redact("sk-abc-def sk-abc") == f"{MASK} {MASK}"


@pytest.mark.parametrize("word", ["", "a", "abc"])
def test_what_is_too_short_for_a_secret_leaves_lines_readable(word: str):
    assert Redactor([word]).redact("a plain abc") == "a plain abc"


def test_secrets_that_are_added_are_masked_as_well():
    redactor = Redactor(["first-secret"])
    redactor.add(["second-secret"])
    assert redactor.redact("first-secret second-secret") == f"{MASK} {MASK}"


@pytest.mark.parametrize("odd", ["\n", "\r", "\x1b[31m", "\0", "\x85", "\x9b", "\u2028", "\u202e", "\t", "\ud800"])
def test_what_ends_or_colours_a_line_is_spelt_out(odd: str):
    told = escape_controls(None, "info", {"model": f"a{odd}b", "exception": f"Error{odd}"})
    assert told["model"].isprintable()
    assert told["exception"].isprintable() or odd in "\n\t"


def test_plain_texts_and_other_values_stay_as_they_are():
    event = {"event": "told", "name": "\u00e9\u4e2d \U0001f600", "count": 3, "names": ["a\n"]}
    assert escape_controls(None, "info", event) == event


PROGRAM = """
import logging, structlog, stack.logs
from stack.logs import configure_logs
stack.logs.TRACEBACK_S = 0  # both are of one place
configure_logs(["s3cr3t-key"])
log = structlog.get_logger("stack").bind(provider="up")
log.info("told", url="http://x/?key=s3cr3t-key", deep={"a": ["s3cr3t-key"]})
for told in (log.exception, logging.getLogger("library").exception):
    try:
        try:
            raise KeyError("s3cr3t-key")
        except KeyError as error:
            raise ValueError("with s3cr3t-key") from error
    except ValueError:
        told("broken s3cr3t-key")
"""


def test_every_line_of_a_process_goes_to_stderr_without_the_secret():
    ran = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=60)
    assert ran.stdout == ""
    assert "s3cr3t" not in ran.stderr
    assert (ran.stderr.count("KeyError: "), ran.stderr.count("ValueError: ")) == (2, 2)
    assert "event=told" in ran.stderr
    assert "provider=up" in ran.stderr


def failure(place: int) -> BaseException:
    """An exception that was raised at one of two places."""
    try:
        if place:
            raise ZeroDivisionError
        raise ZeroDivisionError
    except ZeroDivisionError as error:
        return error


def test_a_place_shows_one_traceback_a_second():
    now = 0.0
    limit = OneTraceback(lambda: now)

    def is_shown(place: int) -> bool:
        event = limit(None, "error", {"event": "internal error", "exc_info": failure(place)})
        assert event["event"] == "internal error"
        return bool(event["exc_info"])

    assert [is_shown(0), is_shown(0), is_shown(1), is_shown(1)] == [True, False, True, False]
    now = 1.0
    assert [is_shown(0), is_shown(0)] == [True, False]


def test_a_traceback_that_is_left_out_is_named():
    limit = OneTraceback(lambda: 0.0)
    try:
        raise ZeroDivisionError
    except ZeroDivisionError:
        events = [limit(None, "error", {"event": "again", "exc_info": True}) for _ in range(2)]
    assert events[1] == {"event": "again", "exc_info": None, "error": "ZeroDivisionError"}


def test_events_without_an_exception_pass():
    assert OneTraceback()(None, "info", {"event": "fine"}) == {"event": "fine"}
