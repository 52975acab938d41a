"""What is true of every shield of a service: whatever is wrong with it, nothing passes, and no secret is told."""

from __future__ import annotations

import asyncio
import base64
import json
import traceback
from typing import Any
from urllib.parse import quote

import pytest
import structlog
from judged import KEY, MINE, SETTINGS, called_with, made, user

from stack.apis.context import RequestContext, request_context
from stack.errors import StackError, Unreachable
from stack.registry.discovery import specs
from stack.registry.spec import env_name
from stack.testing.faults import FAULTS
from stack.testing.http import HOST
from stack.testing.server_process import free_port
from stack.testing.upstream import FaultUpstream

CALLERS_KEY = "canary-7d31-caller/77+x"
every = pytest.mark.parametrize("name", SETTINGS)


def forms(secret: str) -> set[str]:
    """A secret as it looks in text, in URLs and in base64, and its beginning, as careless masks leave it."""
    return {secret, secret[:11], quote(secret, safe=""), base64.b64encode(secret.encode()).decode()}


FORMS = forms(KEY) | forms(CALLERS_KEY)


def told(error: StackError) -> str:
    """All that anybody may see of an error."""
    seen = [json.dumps(error.envelope("req-7")), str(error.headers()), "".join(traceback.format_exception(error))]
    return "\n".join(seen)


async def refusal(name: str, url: str, provider_data: dict[str, Any], within_s: float = 60) -> StackError:
    """How a check fails."""
    deadline = asyncio.get_running_loop().time() + within_s
    token = request_context.set(RequestContext(provider_data=provider_data, deadline=deadline))
    provider = made(name, url)
    try:
        with pytest.raises(StackError) as raised:
            await provider.run_shield(MINE, user("hello"))
        return raised.value
    finally:
        request_context.reset(token)
        await provider.shutdown()


def test_every_remote_shield_is_here():
    ours = {spec.name for spec in specs("safety") if spec.origin == "stack" and spec.kind == "remote"}
    assert ours == SETTINGS.keys()


@every
async def test_no_fault_of_a_service_lets_anything_pass_or_tells_a_secret(name: str, upstream: FaultUpstream):
    own = {name: {"api_key": CALLERS_KEY}}
    cases = [(row.example, data) for row in FAULTS for data in ({}, own)]
    with structlog.testing.capture_logs() as logs:
        failed = await asyncio.gather(
            *(refusal(name, f"{upstream.origin}/f/{fault}", data, 0.4) for fault, data in cases)
        )
    for (fault, _), error in zip(cases, failed, strict=True):
        assert not [form for form in FORMS if form in told(error)], fault
    assert not [form for form in FORMS if form in str(logs)]


@every
async def test_a_service_that_is_down_is_unreachable(name: str):
    error = await refusal(name, f"http://{HOST}:{free_port()}", {})
    assert isinstance(error, Unreachable)
    assert (error.status, error.code, error.retryable) == (502, "upstream_unreachable", True)


@every
async def test_a_service_that_fails_once_is_asked_again_by_the_next(name: str, provider_of: Any, service: Any):
    provider = provider_of(name)
    service.script = [(503, {"error": {"message": "busy"}})]
    with pytest.raises(StackError):
        await provider.run_shield(MINE, user("hello"))
    assert (await provider.run_shield(MINE, user("hello"))).findings == ()


@every
async def test_keys_of_callers_share_no_connection(name: str, provider_of: Any, service: Any):
    provider = provider_of(name)
    for key in ("one", "two", "one"):
        with called_with(**{name: {"api_key": key}}):
            await provider.run_shield(MINE, user("hello"))
    assert [sent.headers["authorization"] for sent in service.requests] == ["Bearer one", "Bearer two", "Bearer one"]
    assert len(provider._service.upstream._idle) == 2


@every
async def test_a_key_that_breaks_a_header_is_refused_without_being_told(name: str, provider_of: Any, service: Any):
    with called_with(**{name: {"api_key": f"{CALLERS_KEY}\r\nx-evil: 1"}}), pytest.raises(StackError) as raised:
        await provider_of(name).run_shield(MINE, user("hello"))
    assert CALLERS_KEY not in told(raised.value).replace("\\", "")
    assert service.requests == []


@every
def test_settings_show_no_secret_and_are_filled_from_variables(name: str, provider_of: Any):
    config = provider_of(name).config
    assert KEY not in repr(config) + config.model_dump_json()
    assert env_name(type(config).model_fields["api_key"])
    assert env_name(type(config).model_fields[config.switch])


@every
@pytest.mark.parametrize(
    "setting", ["base_url", "api_key", "endpoint_url", "guardrails_service_url", "forward_headers"]
)
async def test_whoever_registers_a_shield_cannot_choose_where_keys_go(name: str, setting: str, provider_of: Any):
    shield = type(MINE)("mine", params={setting: "https://evil.example"})
    with pytest.raises(StackError, match=setting):
        await provider_of(name).describe_shield(shield)
