"""Cohere lists models by its native API."""

from __future__ import annotations

from typing import Any


async def test_models_are_listed_with_what_they_are_for(provider: Any, service: Any):
    uses = {"command-a": ["generate", "chat"], "embed-v4.0": ["embed"], "rerank-v4": ["rerank"], "old": ["classify"]}
    service.on("/v1/models", {"models": [{"name": name, "endpoints": ends} for name, ends in uses.items()]})
    found = await provider("cohere", base_url=f"{service.origin}/compatibility/v1", api_key="k").list_models()
    kinds = {model.provider_model_id: model.model_type for model in found}
    assert kinds == {"command-a": "llm", "embed-v4.0": "embedding", "rerank-v4": "rerank", "old": None}
    assert service.received[-1].query == {"page_size": "1000"}


async def test_one_model_is_found_by_its_name(provider: Any, service: Any):
    service.on("/v1/models/command-a", {"name": "command-a"})
    assert await provider("cohere", base_url=f"{service.origin}/compatibility/v1").check_model_availability("command-a")
