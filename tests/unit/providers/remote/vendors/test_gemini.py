"""Gemini lists models under another name than it is called by."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from asking import chat

from stack.apis.inference import EmbeddingsRequest
from stack.errors import UpstreamError

LIST = Path(__file__).parent / "recordings/gemini/models.json"


async def test_the_recorded_list_has_names_as_calls_say_them(provider: Any, service: Any):
    service.on("/models", json.loads(LIST.read_bytes())["response"]["body"])
    found = {
        model.provider_model_id: model for model in await provider("gemini", base_url=service.origin).list_models()
    }
    assert found["gemini-2.5-flash"].model_id == "gemini-2.5-flash"
    assert found["gemini-embedding-001"].model_type == "embedding"
    assert not any("/" in name for name in found)


async def test_an_error_in_a_list_is_read(provider: Any, service: Any):
    error = {"code": 400, "message": "bad temperature", "status": "INVALID_ARGUMENT"}
    service.on("/chat/completions", (400, [{"error": error}]))
    with pytest.raises(UpstreamError) as raised:
        await provider("gemini", base_url=service.origin).openai_chat_completion(chat())
    assert (raised.value.status, raised.value.message) == (400, "bad temperature")


async def test_embeddings_without_usage_have_a_value(provider: Any, service: Any):
    service.on("/embeddings", {"object": "list", "data": [{"object": "embedding", "embedding": [0.5]}], "model": "m"})
    request = EmbeddingsRequest(model="m", input="a")
    reply = await provider("gemini", base_url=service.origin).openai_embeddings(request)
    assert (reply.value.data[0].embedding, reply.value.usage) == ([0.5], None)
