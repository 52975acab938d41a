"""Which shields guard whom, by the models of run.yaml."""

from __future__ import annotations

import pytest
import structlog
from unit.routing.shields.scripted import Scripted, Words, chat
from unit.services.test_shields_service import instance

from stack.apis.shields import Shield
from stack.config.models import ModelEntry
from stack.config.shields import ModelShields, ShieldUse
from stack.errors import ContentBlocked
from stack.routing.safety import SafetyRouter
from stack.routing.shields.trail import Trail
from stack.services.guarding import guards_of

LOG = structlog.get_logger("t")


def entry(model_id, provider_model_id, shield_id):
    shields = ModelShields(input=[ShieldUse(shield_id=shield_id)])
    return ModelEntry(model_id=model_id, provider_id="p", provider_model_id=provider_model_id, shields=shields)


@pytest.mark.parametrize("word", ["bomb", "gun"])
async def test_names_that_differ_in_case_alone_share_their_shields(word):
    providers = [instance(Words("bomb"), "one"), instance(Words("gun"), "two")]
    router = SafetyRouter(providers, [Shield("a", "one"), Shield("b", "two")])
    guards = guards_of([entry("large", "GPT", "a"), entry("small", "gpt ", "b")], router, Trail(LOG), LOG)
    with pytest.raises(ContentBlocked):
        await guards.around(Scripted(), "p/Gpt", "p", "Gpt").openai_chat_completion(chat(word))
