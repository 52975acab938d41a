"""SambaNova's Llama Guard."""

from __future__ import annotations

import pytest
from judged import MINE, PHRASE, user

from stack.apis.safety import CheckedMessage, Shield
from stack.errors import BadUpstreamReply, InvalidRequest
from stack.testing.judging import chat
from stack.testing.safety import SafetyContract
from stack.testing.safety.inputs import PIXEL


@pytest.fixture
def provider(provider_of):
    return provider_of("sambanova")


class TestContract(SafetyContract):
    violating = PHRASE
    has_spans = False
    shield = Shield("mine", params={"excluded_categories": ["S6"]})

    @pytest.fixture
    async def provider(self, provider_of):
        return provider_of("sambanova")


async def test_the_conversation_goes_as_it_is(service, provider):
    spoken = [*user("What flies?"), CheckedMessage("assistant", "Birds.")]
    await provider.run_shield(MINE, spoken)
    [sent] = service.requests
    assert (sent.path, sent.json["model"], sent.json["temperature"]) == (
        "/v1/chat/completions",
        "Meta-Llama-Guard-3-8B",
        0,
    )
    told = [(each["role"], each["content"]) for each in sent.json["messages"]]
    assert told == [("user", "What flies?"), ("assistant", "Birds.")]


@pytest.mark.parametrize(
    ("said", "categories"),
    [("unsafe\nS4", ["sexual/minors"]), ("unsafe\nS6", []), ("unsafe\nS6,S10", ["hate"]), ("safe", [])],
)
async def test_verdicts_are_those_of_llama_guard(service, provider, said, categories):
    service.script = [said]
    report = await provider.run_shield(Shield("mine", params={"excluded_categories": ["S6"]}), user("x"))
    assert [found.category for found in report.findings] == categories


@pytest.mark.parametrize("answer", ["It is safe.", "not unsafe", "unsafe", chat(None), {"choices": []}, {}, []])
async def test_anything_else_is_an_error(service, provider, answer):
    service.script = [answer]
    with pytest.raises(BadUpstreamReply):
        await provider.run_shield(MINE, user("x"))


async def test_images_are_refused(service, provider):
    with pytest.raises(InvalidRequest) as raised:
        await provider.run_shield(MINE, [CheckedMessage("user", "look", (PIXEL,))])
    assert (raised.value.code, service.requests) == ("unreadable_content", [])


@pytest.mark.parametrize("params", [{"version": 1}, {"excluded_categories": ["S99"]}, {"excluded_categories": ["six"]}])
async def test_settings_that_make_no_sense_are_refused(provider, params):
    with pytest.raises(InvalidRequest):
        await provider.describe_shield(Shield("mine", params=params))
