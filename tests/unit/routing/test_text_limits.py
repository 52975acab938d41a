"""How much of a text a model reads: asked of its provider, else looked up."""

from __future__ import annotations

import pytest
from unit.routing.listing import LOG, Listing, instance, model

from stack.apis.models import TextLimit
from stack.errors import NotFound, ProviderUnavailable
from stack.routing.inference import InferenceRouter


class Reading(Listing):
    """A provider that knows how much its model reads."""

    async def text_limit(self, model):
        return TextLimit(254, len) if model == "known" else None


def told(model_id, provider_model_id, length):
    described = model(provider_model_id, "up", "embedding", model_id)
    return described.model_copy(update={"metadata": {"context_length": length}})


@pytest.fixture
async def router():
    registered = [told("short", "plain", 512), told("odd", "odd", "many"), model("m", "gone", "embedding", "lost")]
    made = InferenceRouter([instance("up", Reading("known", "plain", "odd")), instance("gone", None)], registered, LOG)
    yield made
    await made.routes.stop()


@pytest.mark.parametrize(
    ("model_id", "tokens"), [("up/known", 254), ("short", 512), ("up/plain", 512), ("odd", None), ("up/other", None)]
)
async def test_the_provider_is_asked_and_then_the_metadata(router, model_id, tokens):
    limit = await router.text_limit(model_id)
    assert (limit.tokens if limit else None) == tokens


async def test_it_is_an_error_where_nobody_can_be_asked(router):
    with pytest.raises(NotFound):
        await router.text_limit("nobody")
    with pytest.raises(ProviderUnavailable):
        await router.text_limit("lost")
