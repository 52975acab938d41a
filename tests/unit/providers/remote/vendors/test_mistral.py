"""Mistral takes some of OpenAI's fields under its own names."""

from __future__ import annotations

from typing import Any

import pytest
from asking import chat

from stack.apis.inference import EmbeddingsRequest
from stack.testing.upstream import FaultUpstream


@pytest.mark.parametrize(("ours", "theirs"), [("max_completion_tokens", "max_tokens"), ("seed", "random_seed")])
async def test_chat_fields_are_renamed(provider: Any, upstream: FaultUpstream, ours: str, theirs: str):
    await provider("mistral", base_url=upstream.base_url).openai_chat_completion(chat(**{ours: 7}))
    sent = upstream.requests("ok")[-1].json
    assert (sent[theirs], ours in sent) == (7, False)


async def test_dimensions_are_renamed(provider: Any, upstream: FaultUpstream):
    request = EmbeddingsRequest(model="ok", input="a", dimensions=3)
    await provider("mistral", base_url=upstream.base_url).openai_embeddings(request)
    assert upstream.requests("ok")[-1].json == {"model": "ok", "input": "a", "output_dimension": 3}
