"""GitHub Models are listed by a catalogue beside the inference API."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.mark.parametrize("root", ["/inference", "/orgs/acme/inference"])
async def test_the_catalogue_is_a_list_at_the_top(provider: Any, service: Any, root: str):
    service.on("/catalog/models", [{"id": "openai/gpt-4.1"}, {"id": "openai/text-embedding-3-small"}])
    github = provider("github-models", base_url=service.origin + root, api_key="k")
    kinds = {model.provider_model_id: model.model_type for model in await github.list_models()}
    assert kinds == {"openai/gpt-4.1": None, "openai/text-embedding-3-small": "embedding"}
    assert await github.check_model_availability("openai/gpt-4.1")
    assert (await github.check_model_availability("openai/gpt-1")).status == "absent"
