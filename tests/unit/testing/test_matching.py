"""Two requests are the same, or the place where they differ is named."""

from __future__ import annotations

import pytest

from stack.testing.matching import difference, key_of

CHAT = "/v1/chat/completions"


def test_order_and_white_space_do_not_matter():
    assert key_of("POST", CHAT, {"a": 1, "b": [2]}) == key_of("POST", CHAT, {"b": [2], "a": 1})


@pytest.mark.parametrize(
    ("one", "other"),
    [({"a": 1}, {"a": 1.0}), ({"a": 1}, {"a": True}), ({}, {"a": None}), ({"a": [1, 2]}, {"a": [2, 1]})],
)
def test_everything_else_matters(one, other):
    assert key_of("POST", CHAT, one) != key_of("POST", CHAT, other)


def test_the_encoding_of_embeddings_is_the_one_field_left_out():
    plain, packed = {"input": "a"}, {"input": "a", "encoding_format": "base64"}
    assert key_of("POST", "/v1/embeddings", plain) == key_of("POST", "/v1/embeddings", packed)
    assert key_of("POST", CHAT, plain) != key_of("POST", CHAT, packed)


@pytest.mark.parametrize(
    ("received", "words"),
    [
        ({"m": [{"t": "b"}], "n": 1}, '`body.m[0].t` is "b", recorded was "a"'),
        ({"m": [{"t": "a"}]}, "`body.n` is missing"),
        ({"m": [{"t": "a"}], "n": 1, "x": 0}, "`body.x` was not in the recorded request"),
        ({"m": [{"t": "a"}], "n": True}, "`body.n` is true, recorded was 1"),
        ({"m": [], "n": 1}, '`body.m` is [], recorded was [{"t": "a"}]'),
        ({"m": [{"t": "a"}], "n": 1}, ""),
    ],
)
def test_the_first_difference_is_told(received, words):
    assert difference({"m": [{"t": "a"}], "n": 1}, received) == words
