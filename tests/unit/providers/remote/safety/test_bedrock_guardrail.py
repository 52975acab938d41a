"""Guardrails of Bedrock: requests as AWS wants them, findings with places."""

from __future__ import annotations

import re

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import validate_parameters
from judged import KEY, MINE, PHRASE, called_with, user
from pydantic import ValidationError

from stack.apis.safety import CheckedMessage, Shield
from stack.errors import BadUpstreamReply, InvalidRequest, ProviderUnavailable, UpstreamRejected
from stack.testing.safety import SafetyContract
from stack.testing.safety.inputs import PIXEL

ARN = "arn:aws:bedrock:eu-west-1:123456789012:guardrail/ab12"


@pytest.fixture
def provider(provider_of):
    return provider_of("bedrock")


class TestMasking(SafetyContract):
    violating = PHRASE

    @pytest.fixture
    async def provider(self, provider_of):
        return provider_of("bedrock")


def intervened(action="GUARDRAIL_INTERVENED", **policies):
    return {"action": action, "outputs": [{"text": "no"}], "assessments": [policies], "usage": {}}


def content(**item):
    return {"contentPolicy": {"filters": [{"detected": True, "action": "BLOCKED", **item}]}}


def recomputed(request, region="us-east-1"):
    """The signature that botocore puts on a request as it arrived."""
    signed = re.search(r"SignedHeaders=([^,]+)", request.headers["authorization"])[1].split(";")
    headers = {name: request.headers[name] for name in signed}
    again = AWSRequest(request.method, f"http://{request.headers['host']}{request.target}", headers, request.body)
    again.context["timestamp"] = request.headers["x-amz-date"]
    auth = SigV4Auth(Credentials("AKIDEXAMPLE", KEY), "bedrock", region)
    return auth.signature(auth.string_to_sign(again, auth.canonical_request(again)), again)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("", "/guardrail/gr1/version/DRAFT/apply"),
        ("ab12", "/guardrail/ab12/version/DRAFT/apply"),
        (ARN, f"/guardrail/{ARN.replace(':', '%3A').replace('/', '%2F')}/version/DRAFT/apply"),
    ],
)
async def test_the_request_is_signed_and_fits_the_model_of_the_api(service, provider, name, path):
    await provider.run_shield(Shield("mine", "", name), user("hello"))
    [sent] = service.requests
    assert sent.target == path
    assert f"Signature={recomputed(sent)}" in sent.headers["authorization"]
    assert "/us-east-1/bedrock/aws4_request" in sent.headers["authorization"]
    operation = ServiceModel(Loader().load_service_model("bedrock-runtime", "service-2")).operation_model(
        "ApplyGuardrail"
    )
    validate_parameters({"guardrailIdentifier": "x", "guardrailVersion": "1", **sent.json}, operation.input_shape)


@pytest.mark.parametrize(("role", "source"), [("user", "INPUT"), ("assistant", "OUTPUT"), ("tool", "INPUT")])
async def test_answers_are_checked_as_output(service, provider, role, source):
    await provider.run_shield(MINE, [CheckedMessage(role, "hello")])
    assert service.requests[-1].json == {"source": source, "content": [{"text": {"text": "hello"}}]}


@pytest.mark.parametrize("key", ["guardrail_version", "guardrailVersion"])
async def test_a_shield_names_a_version_in_either_word(service, provider, key):
    await provider.run_shield(Shield("mine", params={key: "7"}), user("hello"))
    assert service.requests[-1].path.endswith("/version/7/apply")


async def test_what_is_masked_is_told_in_bedrocks_words(provider):
    text = f"{PHRASE}, and {PHRASE}"
    report = await provider.run_shield(MINE, user(text))
    assert [(text[f.start : f.end], f.mask, f.category) for f in report.findings] == [
        (PHRASE, "{EMAIL}", "pii/email")
    ] * 2


@pytest.mark.parametrize(
    ("policies", "category", "code", "score"),
    [
        (content(type="HATE", confidence="HIGH"), "hate", "HATE", 0.95),
        (content(type="INSULTS", confidence="LOW"), "harassment", "INSULTS", 0.4),
        (content(type="PROMPT_ATTACK", confidence="MEDIUM"), "bedrock/prompt-attack", "PROMPT_ATTACK", 0.7),
        (content(type="NEW_ONE"), "bedrock/new-one", "NEW_ONE", 1.0),
        (
            {"topicPolicy": {"topics": [{"name": "Investing", "type": "DENY", "action": "BLOCKED"}]}},
            "bedrock/topic",
            "Investing",
            1.0,
        ),
        (
            {
                "contextualGroundingPolicy": {
                    "filters": [{"type": "GROUNDING", "score": 0.2, "threshold": 0.7, "action": "BLOCKED"}]
                }
            },
            "bedrock/grounding",
            "GROUNDING",
            0.8,
        ),
        ({"automatedReasoningPolicy": {"findings": []}}, "bedrock/guardrail", "", 1.0),
        ({}, "bedrock/guardrail", "", 1.0),
    ],
)
async def test_every_policy_objects_in_its_way(service, provider, policies, category, code, score):
    service.script = [intervened(**policies)]
    report = await provider.run_shield(MINE, user("hello"))
    [found] = report.findings
    assert report.violates
    assert (found.category, found.provider_code, found.start) == (category, code, None)
    assert found.score == pytest.approx(score)


@pytest.mark.parametrize(
    ("match", "place"), [("BLUE", (4, 8)), ("blue", (4, 8)), ("not in the text", (None, None)), ("", (None, None))]
)
async def test_words_are_found_again_in_the_text(service, provider, match, place):
    word = {"match": match, "action": "BLOCKED", "detected": True}
    service.script = [intervened(wordPolicy={"customWords": [word], "managedWordLists": []})]
    [found] = (await provider.run_shield(MINE, user("the Blue one"))).findings
    assert (found.start, found.end) == place


@pytest.mark.parametrize(
    ("action", "item", "level"), [("NONE", "NONE", "info"), ("GUARDRAIL_INTERVENED", "BLOCKED", "error")]
)
async def test_what_is_only_detected_is_noted(service, provider, action, item, level):
    service.script = [intervened(action, **content(type="HATE", confidence="HIGH", action=item))]
    report = await provider.run_shield(MINE, user("hello"))
    assert (report.level, len(report.findings)) == (level, 1)


async def test_what_was_looked_for_and_not_detected_is_nothing(service, provider):
    service.script = [intervened("NONE", **content(type="HATE", detected=False, action="NONE"))]
    assert (await provider.run_shield(MINE, user("hello"))).findings == ()


async def test_images_go_as_data(service, provider):
    shield = Shield("mine", params={"images": True})
    await provider.run_shield(shield, [CheckedMessage("user", "look", (PIXEL,))])
    _, image = service.requests[-1].json["content"]
    assert image == {"image": {"format": "png", "source": {"bytes": PIXEL.partition(",")[2]}}}


@pytest.mark.parametrize(
    ("params", "image"),
    [({}, PIXEL), ({"images": True}, "https://x.example/a.png"), ({"images": True}, "data:image/gif;base64,R0lG")],
)
async def test_images_that_cannot_be_checked_are_refused(service, provider, params, image):
    with pytest.raises(InvalidRequest) as raised:
        await provider.run_shield(Shield("mine", params=params), [CheckedMessage("user", "look", (image,))])
    assert (raised.value.code, service.requests) == ("unreadable_content", [])


async def test_a_message_over_the_limit_is_refused(service, provider):
    with pytest.raises(InvalidRequest, match="too long"):
        await provider.run_shield(MINE, user("x" * 25_001))
    assert service.requests == []


@pytest.mark.parametrize("name", ["../../x", "A b", "gr1/version/1", "arn:aws:s3:::bucket"])
async def test_a_name_that_no_guardrail_has_is_refused(provider, name):
    with pytest.raises(InvalidRequest, match="no id or ARN"):
        await provider.describe_shield(Shield("mine", "", name))


@pytest.mark.parametrize("config", [{"guardrail_version": "latest"}, {"guardrail_id": "a b"}, {"access_key_id": None}])
def test_bad_settings_are_refused(provider_of, config):
    with pytest.raises(ValidationError):
        provider_of("bedrock", **config)


@pytest.mark.parametrize("answer", [{}, {"action": "MAYBE", "assessments": []}, {"action": "NONE"}, [], b"<html>"])
async def test_an_answer_that_is_no_assessment_is_an_error(service, provider, answer):
    service.script = [answer]
    with pytest.raises(BadUpstreamReply):
        await provider.run_shield(MINE, user("hello"))


async def test_a_refused_credential_says_so(service, provider):
    service.script = [(403, {"message": f"The security token {KEY} is invalid"})]
    with pytest.raises(UpstreamRejected) as raised:
        await provider.run_shield(MINE, user("hello"))
    assert (raised.value.status, raised.value.code) == (502, "upstream_auth_failed")
    assert KEY not in str(raised.value.envelope())


async def test_a_key_of_bedrocks_own_is_a_bearer_token(service, provider_of):
    provider = provider_of("bedrock", api_key="bedrock-key")
    await provider.run_shield(MINE, user("hello"))
    with called_with(bedrock={"api_key": "mine"}):
        await provider_of("bedrock").run_shield(MINE, user("hello"))
    assert [sent.headers["authorization"] for sent in service.requests] == ["Bearer bedrock-key", "Bearer mine"]


async def test_without_credentials_nothing_passes(provider_of, monkeypatch, tmp_path):
    for variable in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(variable, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    provider = provider_of("bedrock", access_key_id=None, secret_access_key=None)
    with pytest.raises(ProviderUnavailable, match="no AWS credentials"):
        await provider.run_shield(MINE, user("hello"))


def test_the_endpoint_is_that_of_the_region(provider_of):
    provider = provider_of("bedrock", endpoint_url=None, region="eu-central-1")
    url = provider._url(MINE, provider.config)
    assert url == "https://bedrock-runtime.eu-central-1.amazonaws.com/guardrail/gr1/version/DRAFT/apply"
