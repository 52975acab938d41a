"""Another stack's shields, asked with what a caller sends along."""

from __future__ import annotations

import pytest
from judged import MINE, PHRASE, called_with, user
from pydantic import ValidationError

from stack.apis.safety import CheckedMessage, Finding, ModerationRequest, RunShieldResponse, Shield, ShieldReport
from stack.errors import BadUpstreamReply, InvalidRequest
from stack.testing.safety import SafetyContract
from stack.testing.safety.inputs import PIXEL


@pytest.fixture
def provider(provider_of):
    return provider_of("passthrough")


class TestLlamaStack(SafetyContract):
    violating = PHRASE
    has_spans = False

    @pytest.fixture
    async def provider(self, provider_of):
        return provider_of("passthrough")


class TestConversation(TestLlamaStack):
    shield = Shield("mine", params={"conversation": True, "images": True})


async def test_the_request_is_llama_stacks(service, provider):
    await provider.run_shield(Shield("mine", "", "theirs"), user("hello"))
    [sent] = service.requests
    assert sent.path == "/v1/safety/run-shield"
    assert sent.json == {"shield_id": "theirs", "messages": [{"role": "user", "content": "hello"}], "params": {}}


@pytest.mark.parametrize(
    ("role", "sent_as"), [("assistant", "assistant"), ("developer", "system"), ("tool", "user"), ("critic", "user")]
)
async def test_roles_are_those_that_every_stack_knows(service, provider, role, sent_as):
    await provider.run_shield(MINE, [CheckedMessage(role, "hello")])
    [message] = service.requests[-1].json["messages"]
    assert message["role"] == sent_as
    assert ("stop_reason" in message) == (role == "assistant")


async def test_findings_of_another_stack_keep_their_places(service, provider):
    found = Finding("pii/email", 0.9, 0, 4, 9, "[mail]", "EMAIL")
    service.script = [RunShieldResponse.of(ShieldReport((found,), user_message="No.")).model_dump()]
    report = await provider.run_shield(MINE, user("say a@b.c"))
    assert report == ShieldReport((found,), user_message="No.")


async def test_a_place_in_an_earlier_message_is_none_in_the_last(service, provider):
    found = Finding("pii/email", 0.9, 0, 4, 9, "[mail]", "EMAIL")
    service.script = [RunShieldResponse.of(ShieldReport((found,))).model_dump()]
    report = await provider.run_shield(TestConversation.shield, user("say a@b.c", "what was it?"))
    assert [(each.message, each.start, each.end) for each in report.findings] == [(1, None, None)]


@pytest.mark.parametrize(("start", "end"), [(4, 99), (-1, 3), (5, 5), (None, 3)])
async def test_a_place_that_is_none_of_the_text_means_all_of_it(service, provider, start, end):
    answer = RunShieldResponse.of(ShieldReport((Finding("x", 0.9, 0, 1, 2),))).model_dump()
    answer["violation"]["findings"][0] |= {"start": start, "end": end}
    service.script = [answer]
    [found] = (await provider.run_shield(MINE, user("say a@b.c"))).findings
    assert (found.start, found.end) == (None, None)


def violation(level="error", **more):
    return {"violation": {"violation_level": level, "metadata": {}, **more}}


@pytest.mark.parametrize("level", ["info", "warn", "error"])
async def test_the_level_is_theirs(service, provider, level):
    service.script = [violation(level)]
    report = await provider.run_shield(MINE, user("x"))
    assert (report.level, report.violates) == (level, level == "error")
    assert [found.category for found in report.findings] == ["passthrough/violation"]


async def test_of_several_messages_the_gravest_counts(service, provider):
    async def run(shield, messages):
        return await provider.run_shield(shield, messages)

    service.script = [violation("warn"), violation("error", user_message="No."), {"violation": None}]
    report = await run(MINE, user("a", "b", "c"))
    assert (report.level, report.user_message, len(report.findings)) == ("error", "No.", 1)


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"ok": True},
        {"violation": True},
        {"violation": {}},
        {"violation": {"violation_level": "huge"}},
        violation(findings=[{"category": "x"}]),
        [],
        b"null",
        b"<html>",
    ],
)
async def test_an_answer_that_is_no_report_is_an_error(service, provider, answer):
    service.script = [answer]
    with pytest.raises(BadUpstreamReply):
        await provider.run_shield(MINE, user("x"))


async def test_images_are_refused_unless_the_other_shield_reads_them(service, provider):
    shown = CheckedMessage("user", "look", (PIXEL,))
    with pytest.raises(InvalidRequest) as raised:
        await provider.run_shield(MINE, [shown])
    assert (raised.value.code, service.requests) == ("unreadable_content", [])
    await provider.run_shield(Shield("mine", params={"images": True}), [shown])
    image = {"type": "image_url", "image_url": {"url": PIXEL}}
    assert service.requests[-1].json["messages"][0]["content"] == [{"type": "text", "text": "look"}, image]


async def test_moderations_are_theirs(service, provider):
    shield = Shield("mine", "", "theirs")
    answer = await provider.run_moderation(shield, ModerationRequest(input=["fine", PHRASE]))
    assert service.requests[-1].json == {"model": "theirs", "input": ["fine", PHRASE]}
    assert [each.flagged for each in answer.results] == [False, True]
    assert (answer.model, answer.results[1].category_scores.violence) == ("mine", 0.98)


async def test_headers_are_forwarded_from_what_the_caller_sent_for_this_provider(service, provider_of):
    provider = provider_of("passthrough", forward_headers={"token": "X-Tenant-Token", "absent": "x-absent"})
    with called_with(passthrough={"token": "t-1", "api_key": "mine", "other": "kept here"}, other={"token": "no"}):
        await provider.run_shield(MINE, user("x"))
    headers = service.requests[-1].headers
    assert (headers["x-tenant-token"], headers["authorization"]) == ("t-1", "Bearer mine")
    assert not {"x-absent", "other"} & headers.keys()
    assert "kept here" not in str(headers)


async def test_callers_with_other_headers_share_no_connection(service, provider_of):
    provider = provider_of("passthrough", forward_headers={"token": "x-token"})
    for token in ("one", "two", "one"):
        with called_with(passthrough={"token": token}):
            await provider.run_shield(MINE, user("x"))
    assert [sent.headers["x-token"] for sent in service.requests] == ["one", "two", "one"]
    assert len(provider._service.upstream._idle) == 2


@pytest.mark.parametrize("value", ["a\r\nx-evil: 1", "a\nb", "\x00", "ключ"])
async def test_a_value_that_is_no_header_is_refused_without_being_told(service, provider_of, value):
    provider = provider_of("passthrough", forward_headers={"token": "x-token"})
    with called_with(passthrough={"token": value}), pytest.raises(InvalidRequest) as raised:
        await provider.run_shield(MINE, user("x"))
    assert value not in raised.value.message
    assert service.requests == []


@pytest.mark.parametrize("header", ["Host", "content-length", "Transfer-Encoding", "connection", "x-mine", "a b", ""])
def test_headers_that_frame_a_message_are_never_forwarded(provider_of, header):
    with pytest.raises(ValidationError, match="forward_headers"):
        provider_of("passthrough", forward_headers={"token": header}, extra_blocked_headers=["X-Mine"])
