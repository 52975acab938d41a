"""Checks go to the provider of their shield, with what is known of the shield."""

from __future__ import annotations

import pytest
from unit.routing.shields.scripted import Words

from stack.apis.moderations import ModerationRequest
from stack.apis.safety import CheckedMessage, ShieldReport
from stack.apis.shields import Shield
from stack.errors import NotFound, ProviderUnavailable, UpstreamError
from stack.registry.spec import ProviderSpec
from stack.routing.instance import Instance
from stack.routing.safety import SafetyRouter

SHIELD = Shield("mine", "words", "theirs", {"a": 1})
SAY = [CheckedMessage("user", "hi")]


class Remembering(Words):
    """Remembers the shields that it was asked for."""

    def __init__(self):
        super().__init__("bomb")
        self.asked = []

    async def describe_shield(self, shield):
        self.asked.append(shield)
        return self.traits

    async def run_shield(self, shield, messages):
        self.asked.append(shield)
        return await super().run_shield(shield, messages)


@pytest.fixture
def instance():
    made = Instance("safety", "words", ProviderSpec("safety", "inline::words", "Test.", "none"), None)
    made.provider = Remembering()
    return made


async def test_only_the_id_of_a_shield_counts(instance):
    router = SafetyRouter([instance], [SHIELD])
    assert await router.run_shield(Shield("mine", "other", "x"), SAY) == ShieldReport()
    assert instance.provider.asked == [SHIELD]


async def test_a_shield_is_described_once(instance):
    router = SafetyRouter([instance], [SHIELD])
    await router.describe_shield(SHIELD)
    await router.describe_shield(SHIELD)
    assert len(instance.provider.asked) == 1
    router.place(Shield("mine", "words", "new"))
    await router.describe_shield(SHIELD)
    assert instance.provider.asked[-1].provider_shield_id == "new"


async def test_moderations_go_the_same_way(instance):
    router = SafetyRouter([instance], [SHIELD])
    answer = await router.run_moderation(SHIELD, ModerationRequest(input=["bomb", "x"]))
    assert [result.flagged for result in answer.results] == [True, False]


async def test_an_unknown_shield_names_the_nearest(instance):
    with pytest.raises(NotFound, match="did you mean `mine`"):
        await SafetyRouter([instance], [SHIELD]).run_shield(Shield("mien"), SAY)


async def test_a_provider_that_does_not_answer_is_unavailable_until_it_does(instance):
    router = SafetyRouter([instance], [SHIELD])
    instance.provider.down = True
    with pytest.raises(UpstreamError):
        await router.run_shield(SHIELD, SAY)
    instance.fail("no key")
    with pytest.raises(ProviderUnavailable, match="no key"):
        await router.run_shield(SHIELD, SAY)
