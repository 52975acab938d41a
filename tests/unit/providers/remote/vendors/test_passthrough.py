"""A passthrough sends what the caller brings, and nothing else."""

from __future__ import annotations

from typing import Any

from asking import chat

from stack.testing.upstream import FaultUpstream


async def test_without_any_key_no_credential_is_sent(provider: Any, upstream: FaultUpstream):
    await provider("passthrough", base_url=upstream.base_url).openai_chat_completion(chat())
    assert "authorization" not in upstream.requests("ok")[-1].headers


async def test_the_model_id_passes_unchanged(provider: Any, upstream: FaultUpstream):
    await provider("passthrough", base_url=upstream.base_url).openai_chat_completion(chat(model="a/b@c/ok"))
    assert upstream.requests("a/b@c/ok")[-1].json["model"] == "a/b@c/ok"
