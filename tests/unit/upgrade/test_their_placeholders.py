"""The placeholders of Llama Stack and OGX: the same value in every environment, or a remark."""

from __future__ import annotations

import pytest

from stack.config.placeholders import expand, parse
from stack.upgrade.placeholders import NESTED, PLAIN, ends_with, translated


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("${env.X}", "${env.X}"),
        ("${env.X:=d}", "${env.X:=d}"),
        ("${env.X:=}", "${env.X:=}"),
        ("${env.X:+v}", "${env.X:+v}"),
        ("${env.X:http://a:1}", "${env.X:=http://a:1}"),
        ("${env.X:}", "${env.X:=}"),
        ("${env.X=d}", "${env.X:=d}"),
        ("${env.X+v}", "${env.X:+v}"),
        ("a/${env.X:=b}/c", "a/${env.X:=b}/c"),
        ("$5 and $$ and ${env.X:=$$}", "$5 and $$$$ and ${env.X:=$$$$}"),
        ("no", "no"),
    ],
)
def test_a_placeholder_is_written_our_way(theirs, ours):
    assert translated(theirs) == (ours, [])
    parse(ours)


@pytest.mark.parametrize("text", ["${HOME}", "${env.lower}", "${env.X:-d}", "${env.X", "${env.X?no}"])
def test_what_was_plain_text_stays_so_and_is_told(text):
    written, remarks = translated(text)
    assert (expand(parse(written), {"X": "set"}, []), remarks) == (text, [PLAIN])


@pytest.mark.parametrize("text", ["${env.A:=${env.B}}", '${env.A:={"n": 1}}'])
def test_braces_that_they_did_not_pair_are_told(text):
    assert translated(text) == (text, [NESTED])


@pytest.mark.parametrize(
    ("text", "unset", "set_"),
    [
        ("http://a", "http://a/v1", "http://a/v1"),
        ("http://a/", "http://a/v1", "http://a/v1"),
        ("${env.X:=http://a}", "http://a/v1", "http://x/v1"),
        ("${env.X:=}", "", "http://x/v1"),
        ("${env.X}", "/v1", "http://x/v1"),
    ],
)
def test_an_address_gets_its_ending_where_there_is_one(text, unset, set_):
    written = parse(ends_with(text, "/v1"))
    assert (expand(written, {}, []), expand(written, {"X": "http://x"}, [])) == (unset, set_)
