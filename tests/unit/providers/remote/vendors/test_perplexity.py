"""Perplexity has no list of models."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.mark.parametrize(("allowed", "first"), [(None, "sonar"), (["sonar-2"], "sonar-2")])
async def test_documented_or_allowed_models_are_listed(provider: Any, service: Any, allowed: Any, first: str):
    found = await provider("perplexity", base_url=service.origin, allowed_models=allowed).list_models()
    assert found[0].provider_model_id == first
    assert not service.received


async def test_a_model_is_looked_up_in_that_list(provider: Any, service: Any):
    perplexity = provider("perplexity", base_url=service.origin)
    assert await perplexity.check_model_availability("sonar-pro")
    assert (await perplexity.check_model_availability("gpt-1")).status == "absent"
