"""Cloudflare's models are found by a search of the account's."""

from __future__ import annotations

from typing import Any


async def test_models_for_text_and_embeddings_are_listed_by_name(provider: Any, service: Any):
    tasks = {"@cf/m/chat": "Text Generation", "@cf/b/vectors": "Text Embeddings", "@cf/s/draw": "Text-to-Image"}
    entries = [{"id": "uuid", "name": name, "task": {"name": task}} for name, task in tasks.items()]
    service.on("/accounts/a1/ai/models/search", {"success": True, "result": entries})
    cloudflare = provider("cloudflare", base_url=service.origin, account_id="a1", api_key="k")
    found = {model.provider_model_id: model.model_type for model in await cloudflare.list_models()}
    assert found == {"@cf/m/chat": "llm", "@cf/b/vectors": "embedding"}
    assert await cloudflare.check_model_availability("@cf/m/chat")
    assert (await cloudflare.check_model_availability("@cf/s/draw")).status == "absent"
