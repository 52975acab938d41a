"""OpenAI's moderations as a shield, and as moderations."""

from __future__ import annotations

import pytest
from judged import MINE, PHRASE, called_with, user

from stack.apis.moderations import CATEGORIES
from stack.apis.safety import CheckedMessage, ModerationRequest, Shield
from stack.errors import BadUpstreamReply, InvalidRequest
from stack.testing.safety import SafetyContract
from stack.testing.safety.inputs import PIXEL


@pytest.fixture
def provider(provider_of):
    return provider_of("openai-moderation")


class TestContract(SafetyContract):
    violating = PHRASE
    has_spans = False

    @pytest.fixture
    async def provider(self, provider_of):
        return provider_of("openai-moderation")


def result(flagged=True, **scores):
    flags = {name: score > 0.5 for name, score in scores.items()}
    return {"results": [{"flagged": flagged, "categories": flags, "category_scores": scores}]}


async def test_the_request_is_openais(service, provider):
    await provider.run_shield(MINE, user("one", "two"))
    [sent] = service.requests
    assert (sent.method, sent.path) == ("POST", "/v1/moderations")
    assert sent.json == {"model": "omni-moderation-latest", "input": ["one", "two"]}
    assert sent.headers["authorization"] == "Bearer canary-5b1d/key+of=the service"


async def test_a_callers_own_key_wins(service, provider):
    with called_with(**{"openai-moderation": {"api_key": "mine"}}):
        await provider.run_shield(MINE, user("one"))
    assert service.requests[-1].headers["authorization"] == "Bearer mine"
    assert service.requests[-1].headers["x-request-id"] == "req-7"


async def test_a_shield_names_a_model(service, provider):
    await provider.run_shield(Shield("mine", "", "omni-moderation-2024-09-26"), user("one"))
    assert service.requests[-1].json["model"] == "omni-moderation-2024-09-26"


async def test_an_image_is_judged_with_its_text(service, provider):
    messages = [*user("first"), CheckedMessage("user", "look", (PIXEL,)), *user(PHRASE)]
    report = await provider.run_shield(MINE, messages)
    assert {found.message for found in report.findings} == {2}
    parts = [{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": PIXEL}}]
    sent = [request.json["input"] for request in service.requests]  # at the same time, so in any order
    assert sent in ([["first", PHRASE], parts], [parts, ["first", PHRASE]])


async def test_many_texts_are_judged_some_at_a_time_in_their_order(service, provider):
    report = await provider.run_shield(MINE, user(*(PHRASE if n % 40 == 7 else str(n) for n in range(90))))
    assert [found.message for found in report.findings] == [7, 47, 87]
    assert sorted(len(sent.json["input"]) for sent in service.requests) == [26, 32, 32]


@pytest.mark.parametrize("model", ["text-moderation-latest", "text-moderation-007"])
async def test_a_model_of_text_refuses_images(service, provider, model):
    shield = Shield("mine", "", model)
    assert not (await provider.describe_shield(shield)).reads_images
    request = ModerationRequest.model_validate({"input": [{"type": "image_url", "image_url": {"url": PIXEL}}]})
    for call in (
        provider.run_shield(shield, [CheckedMessage("user", "look", (PIXEL,))]),
        provider.run_moderation(shield, request),
    ):
        with pytest.raises(InvalidRequest) as raised:
            await call
        assert raised.value.code == "unreadable_content"
    assert service.requests == []


@pytest.mark.parametrize(
    ("params", "categories"),
    [
        ({}, ["hate"]),
        ({"threshold": 0.2}, ["hate", "violence"]),
        ({"threshold": 0.9}, []),
        ({"categories": ["violence"]}, []),
        ({"categories": ["violence"], "threshold": 0.2}, ["violence"]),
    ],
)
async def test_a_shield_may_have_rules_of_its_own(service, provider, params, categories):
    service.script = [result(hate=0.8, violence=0.3)] * 2
    shield = Shield("mine", params=params)
    report = await provider.run_shield(shield, user("x"))
    [judged] = (await provider.run_moderation(shield, ModerationRequest(input="x"))).results
    assert [found.category for found in report.findings] == categories
    assert judged.flagged == bool(categories)


async def test_what_is_flagged_for_no_category_is_objected_to_all_the_same(service, provider):
    service.script = [result(flagged=True, hate=0.1)]
    assert (await provider.run_shield(MINE, user("x"))).violates


async def test_a_judgement_passes_as_it_came(service, provider):
    [judged] = (await provider.run_moderation(MINE, ModerationRequest(input=PHRASE))).results
    told = judged.model_dump()
    assert (told["category_scores"]["violence"], told["category_scores"]["hate"]) == (0.98, 0.0001)
    assert told["category_applied_input_types"]["violence"] == ["text"]


async def test_categories_that_we_do_not_know_pass_and_those_left_out_are_none(service, provider):
    service.script = [result(hate=0.8, cruelty=0.7)]
    [judged] = (await provider.run_moderation(MINE, ModerationRequest(input="x"))).results
    told = judged.model_dump()
    assert (told["categories"]["cruelty"], told["category_scores"]["cruelty"]) == (True, 0.7)
    assert set(CATEGORIES) <= told["categories"].keys()


async def test_empty_texts_are_not_sent(service, provider):
    answer = await provider.run_moderation(MINE, ModerationRequest(input=["", PHRASE, " "]))
    assert [each.flagged for each in answer.results] == [False, True, False]
    assert [sent.json["input"] for sent in service.requests] == [[PHRASE]]


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"results": []},
        {"results": [{}]},
        {"results": None},
        {"results": [{"flagged": "no", "categories": {}, "category_scores": {}}]},
        {"results": [{"flagged": False, "categories": {}, "category_scores": {"hate": "low"}}]},
        {"results": [result()["results"][0]] * 2},
        [],
        b"not JSON",
        {"error": {"message": "down"}},
    ],
)
async def test_an_answer_that_is_no_judgement_is_an_error(service, provider, answer):
    service.script = [answer] * 2
    for call in (
        provider.run_shield(MINE, user("x")),
        provider.run_moderation(MINE, ModerationRequest(input="x")),
    ):
        with pytest.raises(BadUpstreamReply):
            await call
