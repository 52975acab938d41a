"""Anthropic lists models by its native API."""

from __future__ import annotations

from typing import Any


async def test_the_list_is_asked_for_by_the_native_api(provider: Any, service: Any):
    entry = {"type": "model", "id": "claude-opus-4-6", "created_at": "2026-02-04T00:00:00Z"}
    service.on("/v1/models", {"data": [entry], "has_more": False})
    found = await provider("anthropic", base_url=f"{service.origin}/v1", api_key="k").list_models()
    sent = service.received[-1]
    assert [model.provider_model_id for model in found] == ["claude-opus-4-6"]
    assert (sent.headers["x-api-key"], sent.headers["anthropic-version"]) == ("k", "2023-06-01")
    assert ("authorization" in sent.headers, sent.query) == (False, {"limit": "1000"})


async def test_one_model_is_found_by_its_id(provider: Any, service: Any):
    service.on("/v1/models/claude-opus-4-6", {"type": "model", "id": "claude-opus-4-6"})
    assert await provider("anthropic", base_url=f"{service.origin}/v1").check_model_availability("claude-opus-4-6")
