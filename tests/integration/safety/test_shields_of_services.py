"""Models that judge for models, and shields of another stack, as clients see them."""

from __future__ import annotations

import openai
import pytest
import yaml
from integration.reaching import over_http, server_process
from integration.safety.conftest import GUARDED

from stack.testing.http import HOST
from stack.testing.judging import judging
from stack.testing.server_process import free_port
from stack.testing.thread import in_thread

PHRASE = "the blue falcon"


def model(name, **shields):
    return {"model_id": name, "provider_id": "play", "provider_model_id": "not-an-llm", "shields": shields}


def run_config(judge, theirs):
    compatible = "remote::openai-compatible"
    shields = [
        {"shield_id": "guard", "provider_id": "llama-guard", "provider_shield_id": "judge/llama-guard-3-8b"},
        {"shield_id": "guard-down", "provider_id": "llama-guard", "provider_shield_id": "down/llama-guard-4-12b"},
        {"shield_id": "mail", "provider_id": "other-stack"},
    ]
    return {
        "version": 2,
        "image_name": "judged",
        "providers": {
            "inference": [
                {"provider_id": "play", "provider_type": "inline::playground"},
                {"provider_id": "judge", "provider_type": compatible, "config": {"base_url": f"{judge}/v1"}},
                {
                    "provider_id": "down",
                    "provider_type": compatible,
                    "config": {"base_url": f"http://{HOST}:{free_port()}/v1"},
                },
            ],
            "safety": [
                {"provider_id": "llama-guard", "provider_type": "inline::llama-guard"},
                {
                    "provider_id": "other-stack",
                    "provider_type": "remote::passthrough",
                    "config": {"base_url": f"{theirs}/v1"},
                },
            ],
        },
        "shields": shields,
        "models": [
            model("guarded", input=["guard"], output=["guard"]),
            model("guarded-output", output=["guard"]),
            model("unguardable", input=["guard-down"]),
            model("masked", output=[{"shield_id": "mail", "action": "mask"}]),
        ],
    }


@pytest.fixture(scope="module")
def service():
    with in_thread(judging(PHRASE)) as running:
        yield running


@pytest.fixture(scope="module")
def stack(service, tmp_path_factory):
    folder = tmp_path_factory.mktemp("judged")
    with server_process(GUARDED, variables={"STACK_STATE_DIR": str(folder / "theirs")}) as theirs:
        (folder / "run.yaml").write_text(yaml.safe_dump(run_config(service.origin, theirs.origin)))
        with server_process(folder / "run.yaml") as server, over_http(server.origin) as reached:
            yield reached


def ask(stack, name, text, **more):
    return stack.client.chat.completions.create(model=name, messages=[{"role": "user", "content": text}], **more)


def refused(stack, *args, **more):
    with pytest.raises(openai.APIStatusError) as raised:
        list(ask(stack, *args, **more))
    return raised.value.status_code, raised.value.response.json()["error"]


def test_what_the_guard_calls_safe_passes_both_ways(stack):
    assert "nice weather" in ask(stack, "guarded", "nice weather").choices[0].message.content


@pytest.mark.parametrize("stream", [False, True])
def test_what_the_guard_objects_to_is_blocked_with_its_category(stack, stream):
    status, error = refused(stack, "guarded", PHRASE, stream=stream)
    assert (status, error["code"]) == (400, "content_filter")
    assert error["shields"][0]["categories"] == {"hate": pytest.approx(0.9)}


def test_an_answer_is_judged_after_its_question(stack, service):
    status, _ = refused(stack, "guarded-output", PHRASE)
    prompt = service.requests[-1].json["messages"][0]["content"]
    assert status == 400
    assert "ONLY THE LAST Agent message" in prompt
    assert f"User: {PHRASE}\n\nAgent: " in prompt


def test_a_stream_is_cut_where_the_guard_objects(stack):
    with pytest.raises(openai.APIError) as raised:
        list(ask(stack, "guarded-output", PHRASE, stream=True))
    assert raised.value.code == "content_filter"


@pytest.mark.parametrize("said", ["I think this is fine.", "unsafe", "", (500, {"error": {"message": "broken"}})])
def test_what_is_no_verdict_lets_nothing_pass(stack, service, said):
    service.script = [said]
    status, error = refused(_once(stack), "guarded", "nice weather")
    assert (status, error["code"]) == (503, "shield_unavailable")
    service.script = []


def _once(stack):
    """The stack, asked once and not again."""
    return type(stack)(stack.client.with_options(max_retries=0), stack.wire)


def test_a_guard_that_is_down_lets_nothing_pass(stack):
    status, error = refused(_once(stack), "unguardable", "nice weather")
    assert (status, error["code"]) == (503, "shield_unavailable")


def test_an_image_for_a_guard_of_text_is_refused(stack):
    image = {"type": "image_url", "image_url": {"url": "https://x.example/a.png"}}
    status, error = refused(stack, "guarded", [{"type": "text", "text": "look"}, image])
    assert (status, error["code"]) == (400, "unreadable_content")


def test_another_stacks_findings_are_masked_here(stack):
    said = ask(stack, "masked", "write to joe@acme.com now").choices[0].message.content
    assert "write to <mail> now" in said


def test_moderations_are_judged_by_the_guard(stack):
    judged = stack.client.moderations.create(model="guard", input=["nice weather", PHRASE]).results
    assert [each.flagged for each in judged] == [False, True]
    assert judged[1].categories.hate
    assert judged[1].model_extra["provider_codes"] == {"hate": ["S10"]}
