"""Databricks lists serving endpoints beside the OpenAI API."""

from __future__ import annotations

from typing import Any

import pytest
from asking import chat

TASKS = {"databricks-claude": "llm/v1/chat", "databricks-gte": "llm/v1/embeddings", "my-agent": "agent/v1/responses"}


@pytest.mark.parametrize("path", ["", "/", "/serving-endpoints"])
async def test_endpoints_are_listed_by_name(provider: Any, service: Any, path: str):
    entries = [{"name": name, "id": "uuid", "task": task} for name, task in TASKS.items()]
    service.on("/api/2.0/serving-endpoints", {"endpoints": entries})
    found = await provider("databricks", base_url=service.origin + path, api_key="k").list_models()
    kinds = {model.provider_model_id: model.model_type for model in found}
    assert kinds == {"databricks-claude": "llm", "databricks-gte": "embedding", "my-agent": None}


async def test_an_endpoint_is_found_by_its_name(provider: Any, service: Any):
    service.on("/api/2.0/serving-endpoints/databricks-gte", {"name": "databricks-gte", "id": "uuid"})
    assert await provider("databricks", base_url=service.origin).check_model_availability("databricks-gte")


async def test_the_endpoint_is_the_model_of_a_call(provider: Any, service: Any):
    service.on("/serving-endpoints/chat/completions", {"choices": []})
    await provider("databricks", base_url=service.origin).openai_chat_completion(chat(model="databricks-claude"))
    assert service.received[-1].json["model"] == "databricks-claude"
