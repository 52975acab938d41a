"""Shields of services, and how they are called: the service objects to the blue falcon."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from stack.apis.context import RequestContext, request_context
from stack.apis.safety import CheckedMessage, Shield
from stack.registry.contract import load_provider_class
from stack.registry.discovery import find_spec, load_config_class
from stack.testing.deps import provider_deps

PHRASE = "the blue falcon"
KEY = "canary-5b1d/key+of=the service"
# What each needs to be told besides where its service is.
SETTINGS: dict[str, Callable[[str], dict[str, Any]]] = {
    "bedrock": lambda url: {
        "endpoint_url": url,
        "guardrail_id": "gr1",
        "access_key_id": "AKIDEXAMPLE",
        "secret_access_key": KEY,
    },
    "nvidia": lambda url: {"base_url": f"{url}/v1", "api_key": KEY},
    "openai-moderation": lambda url: {"base_url": f"{url}/v1", "api_key": KEY},
    "passthrough": lambda url: {"base_url": f"{url}/v1", "api_key": KEY},
    "sambanova": lambda url: {"base_url": f"{url}/v1", "api_key": KEY},
}
MINE = Shield("mine")


def made(name: str, url: str, **config: Any) -> Any:
    """A provider that calls a service at a URL."""
    spec = find_spec("safety", f"remote::{name}")
    patient = {"connect_timeout_s": 60.0}
    settings = load_config_class(spec).model_validate(patient | SETTINGS[name](url) | config)
    return load_provider_class(spec)(settings, provider_deps(name))


@contextmanager
def called_with(**provider_data: Any) -> Iterator[None]:
    """As a caller who sends this along for providers."""
    token = request_context.set(RequestContext(provider_data=provider_data, request_id="req-7"))
    try:
        yield
    finally:
        request_context.reset(token)


def user(*texts: str) -> list[CheckedMessage]:
    return [CheckedMessage("user", text) for text in texts]
