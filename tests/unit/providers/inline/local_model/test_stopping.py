"""Text up to the first stop, whatever pieces it comes in."""

from __future__ import annotations

import pytest

from stack.providers.inline.local_model.stopping import UntilStop


@pytest.mark.parametrize("size", [1, 2, 3, 100])
@pytest.mark.parametrize(
    ("text", "stops", "expected"),
    [
        ("one two three", ["two"], "one "),
        ("one two three", ["three", "one"], ""),
        ("one two", ["four"], "one two"),
        ("ababac", ["abac"], "ab"),
        ("end of tw", ["two"], "end of tw"),
        ("x", [], "x"),
    ],
)
def test_nothing_behind_a_stop_is_given_out(text, stops, expected, size):
    until = UntilStop(stops)
    pieces = [until.feed(text[at : at + size]) for at in range(0, len(text), size)]
    assert "".join(pieces) + until.rest() == expected


def test_what_cannot_begin_a_stop_is_given_out_at_once():
    until = UntilStop(["two"])
    assert [until.feed("on"), until.feed("e t"), until.feed("x")] == ["on", "e ", "tx"]
