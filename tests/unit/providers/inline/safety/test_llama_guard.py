"""Llama Guard over a stack: a model of it, reached through the router, on a real socket."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager

import pytest

from stack.apis.context import RequestContext, request_context
from stack.apis.safety import CheckedMessage, ModerationRequest, Shield
from stack.config.load import parse_run_config
from stack.errors import BadUpstreamReply, InvalidRequest, NotFound, StackError, UpstreamTimeout
from stack.runtime import Runtime
from stack.testing.faults import FAULTS
from stack.testing.judging import chat, completion, judging
from stack.testing.safety import SafetyContract
from stack.testing.safety.inputs import PIXEL
from stack.testing.upstream import FaultUpstream

RUN = """
version: 2
image_name: guarded
apis: [inference, safety]
providers:
  inference:
  - {{provider_id: models, provider_type: remote::openai-compatible, config: {{base_url: "{url}", api_key: sk-canary}}}}
  safety:
  - {{provider_id: llama-guard, provider_type: inline::llama-guard}}
"""
PHRASE = "the blue falcon"
GUARD = "models/llama-guard-4-12b"


def guard(model=GUARD, **params):
    return Shield("mine", "llama-guard", model, params)


@asynccontextmanager
async def running(url, shield):
    """The router of a stack, which knows the shield."""
    async with started(url) as runtime:
        runtime.safety.place(shield)
        yield runtime.safety


def started(url):
    return Runtime(parse_run_config(RUN.format(url=url), "run.yaml", {}))


@pytest.fixture
async def service():
    async with judging(PHRASE) as running:
        yield running


async def report_of(service, shield, *messages):
    given = [each if isinstance(each, CheckedMessage) else CheckedMessage("user", each) for each in messages]
    async with running(f"{service.origin}/v1", shield) as safety:
        return await safety.run_shield(shield, given)


def asked(service):
    return [request.json for request in service.requests if request.json]


class Guarding(SafetyContract):
    violating = PHRASE
    has_spans = False
    shield = guard()

    @pytest.fixture
    async def provider(self, service):
        async with started(f"{service.origin}/v1") as runtime:
            yield runtime.safety.instance("llama-guard").answer()


class TestAsMessage(Guarding):
    pass


class TestAsTemplate(Guarding):
    shield = guard(prompt="template")


class TestAsCompletion(Guarding):
    shield = guard("models/Llama-Guard-3-8B", prompt="completion")


class TestVersion2(Guarding):
    shield = guard("models/Meta-Llama-Guard-2-8B", excluded_categories=["S3"])


@pytest.mark.parametrize("prompt", ["message", "template", "completion"])
async def test_a_verdict_is_asked_for_without_chance(service, prompt):
    await report_of(service, guard(prompt=prompt), "hello")
    [sent] = asked(service)
    assert (sent["model"], sent["temperature"], sent.get("stream")) == ("llama-guard-4-12b", 0.0, None)
    assert sent["max_tokens"] == 100


@pytest.mark.parametrize("prompt", ["message", "completion"])
async def test_how_sure_the_model_is_becomes_the_score(service, prompt):
    report = await report_of(service, guard(prompt=prompt), PHRASE)
    assert [found.score for found in report.findings] == pytest.approx([0.9] * len(report.findings))


@pytest.mark.parametrize("status", [400, 422])
async def test_a_model_that_tells_no_logprobs_is_asked_without_from_then_on(service, status):
    service.script = [(status, {"error": {"message": "`logprobs` is not supported"}}), "unsafe\nS1", "safe"]
    shield = guard()
    async with running(f"{service.origin}/v1", shield) as safety:
        first = await safety.run_shield(shield, [CheckedMessage("user", PHRASE)])
        await safety.run_shield(shield, [CheckedMessage("user", "hello")])
    assert [found.score for found in first.findings] == [1.0, 1.0]
    assert [sent.get("logprobs") for sent in asked(service)] == [True, None, None]


async def test_a_request_that_is_refused_for_another_reason_stays_refused(service):
    service.script = [(400, {"error": {"message": "too long"}})] * 2
    with pytest.raises(StackError, match="too long"):
        await report_of(service, guard(), "hello")


async def test_the_answer_is_judged_after_its_question(service):
    spoken = [CheckedMessage("user", "What flies?"), CheckedMessage("assistant", PHRASE)]
    report = await report_of(service, guard(), *spoken)
    assert {found.message for found in report.findings} == {1}
    [sent] = asked(service)
    assert f"User: What flies?\n\nAgent: {PHRASE}" in sent["messages"][0]["content"]


async def test_what_was_said_before_is_not_judged_again(service):
    assert (await report_of(service, guard(), PHRASE, "And the weather?")).findings == ()


async def test_a_template_gets_the_conversation_alone(service):
    spoken = [CheckedMessage("user", "What flies?"), CheckedMessage("assistant", "Birds.")]
    await report_of(service, guard(prompt="template"), *spoken)
    assert [each["role"] for each in asked(service)[0]["messages"]] == ["user", "assistant"]
    assert asked(service)[0]["messages"][1]["content"] == "Birds."


@pytest.mark.parametrize("prompt", ["message", "template"])
async def test_images_are_shown_to_a_model_that_sees(service, prompt):
    seen = CheckedMessage("user", PHRASE, (PIXEL, "https://x.example/b.png"))
    assert (await report_of(service, guard(prompt=prompt), seen)).violates
    [*images, text] = asked(service)[0]["messages"][0]["content"]
    assert [each["image_url"]["url"] for each in images] == list(seen.images)
    assert PHRASE in text["text"]


async def test_an_image_without_text_is_judged_too(service):
    service.script = ["unsafe\nS12"]
    report = await report_of(service, guard(), CheckedMessage("user", "", (PIXEL,)))
    assert [found.category for found in report.findings] == ["sexual"]


@pytest.mark.parametrize(
    ("shield", "images"),
    [
        (guard("models/Llama-Guard-3-8B"), 1),
        (guard("models/Meta-Llama-Guard-2-8B"), 1),
        (guard(images=False), 1),
        (guard(prompt="completion"), 1),
        (guard("models/Llama-Guard-3-11B-Vision"), 2),
    ],
)
async def test_images_that_the_model_cannot_see_are_refused(service, shield, images):
    with pytest.raises(InvalidRequest) as raised:
        await report_of(service, shield, CheckedMessage("user", "look", (PIXEL,) * images))
    assert raised.value.code == "unreadable_content"
    assert asked(service) == []


async def test_version_3_is_shown_the_latest_image(service):
    turns = [CheckedMessage("user", "this", ("https://x.example/old.png",)), CheckedMessage("user", "that", (PIXEL,))]
    await report_of(service, guard("models/Llama-Guard-3-11B-Vision"), *turns)
    images = [each for each in asked(service)[0]["messages"][0]["content"] if each["type"] == "image_url"]
    assert [each["image_url"]["url"] for each in images] == [PIXEL]


@pytest.mark.parametrize("said", ["", "Sure, here is how", "unsafe", "unsafe\nS99", "safe enough", None])
@pytest.mark.parametrize("prompt", ["message", "completion"])
async def test_no_verdict_is_an_error_and_never_safe(service, said, prompt):
    service.script = [completion(said or "") if prompt == "completion" else chat(said)]
    with pytest.raises(BadUpstreamReply, match="no verdict") as raised:
        await report_of(service, guard(prompt=prompt), f"{PHRASE} 17")
    assert PHRASE not in str(raised.value.envelope())


async def test_an_answer_without_a_choice_is_an_error(service):
    service.script = [{**chat("safe"), "choices": []}]
    with pytest.raises(BadUpstreamReply, match="no verdict"):
        await report_of(service, guard(), "hello")


@pytest.mark.parametrize("name", [row.example for row in FAULTS if not row.example.startswith("ok")])
async def test_whatever_is_wrong_with_the_model_nothing_passes(name):
    context = request_context.set(RequestContext(deadline=asyncio.get_running_loop().time() + 0.5))
    try:
        async with FaultUpstream() as upstream:
            shield = guard(f"models/{name}")
            async with running(upstream.base_url, shield) as safety:
                with pytest.raises(StackError):
                    await safety.run_shield(shield, [CheckedMessage("user", "hello")])
    finally:
        request_context.reset(context)


async def test_a_slow_model_is_left_at_the_deadline(service):
    service.script = [lambda connection: connection.pause(60)]
    token = request_context.set(RequestContext(deadline=asyncio.get_running_loop().time() + 0.2))
    began = time.monotonic()
    with pytest.raises(UpstreamTimeout):
        await report_of(service, guard(logprobs=False), "hello")
    request_context.reset(token)
    assert time.monotonic() - began < 40  # the model takes 60


async def test_a_model_that_nobody_serves_is_named(service):
    with pytest.raises(NotFound, match="no-such"):
        await report_of(service, guard("elsewhere/no-such"), "hello")


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"version": 5}, "version"),
        ({"prompt": "sung"}, "prompt"),
        ({"excluded_categories": ["violence"]}, "excluded_categories"),
        ({"excluded_categories": ["S15"]}, "`S15`"),
        ({"custom_categories": {"X1": "mine"}}, "custom_categories"),
        ({"custom_categories": {"S15": "mine"}, "prompt": "template"}, "custom_categories"),
        ({"images": True, "prompt": "completion"}, "images"),
        ({"max_messages": 0}, "max_messages"),
    ],
)
async def test_settings_that_cannot_be_kept_are_refused_by_name(service, params, said):
    shield = guard(**params)
    async with running(f"{service.origin}/v1", shield) as safety:
        with pytest.raises(InvalidRequest, match=said):
            await safety.describe_shield(shield)


async def test_a_provider_whose_settings_no_shield_could_have_does_not_start(service):
    text = RUN.format(url=service.origin).replace("inline::llama-guard}", "inline::llama-guard, config: {config}}")
    text = text.replace("{config}", "{excluded_categories: [S77]}")
    async with Runtime(parse_run_config(text, "run.yaml", {})) as runtime:
        [instance] = [each for each in runtime.instances if each.provider_id == "llama-guard"]
    assert (instance.status, "`S77`" in instance.reason) == ("failed", True)


async def test_moderations_tell_openais_names_and_the_models_codes(service):
    service.script = ["unsafe\nS1,S7"]
    shield = guard()
    async with running(f"{service.origin}/v1", shield) as safety:
        [result] = (await safety.run_moderation(shield, ModerationRequest(input=PHRASE))).results
    told = result.model_dump()
    assert {name for name, applies in told["categories"].items() if applies} == {
        "violence",
        "illicit/violent",
        "llama-guard/privacy",
    }
    assert told["provider_codes"] == {"violence": ["S1"], "illicit/violent": ["S1"], "llama-guard/privacy": ["S7"]}
