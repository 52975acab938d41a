"""What the model reads of a text, in its own tokens."""

from __future__ import annotations

import pytest


async def test_marks_are_not_counted_in_what_is_read(embedder, tiny):
    limit = await (await embedder(model_dir=tiny.path, max_tokens=5)).text_limit("tiny")
    assert limit.tokens == 3


@pytest.mark.parametrize(("text", "tokens"), [("", 0), ("a cat", 2), ("the cats sat.", 5), ("a " * 5000, 5000)])
async def test_texts_of_any_length_are_counted_as_the_model_does(embedder, tiny, text, tokens):
    limit = await (await embedder(model_dir=tiny.path)).text_limit("tiny")
    assert limit.count(text) == tokens


async def test_of_another_model_nothing_is_known(embedder, tiny):
    assert await (await embedder(model_dir=tiny.path)).text_limit("other") is None
