"""A stack of every remote provider, each field that holds a secret filled with one of its own."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from typing import Any, get_origin

from pydantic import SecretStr

from stack.registry.discovery import load_config_class, specs
from stack.registry.spec import ProviderSpec

MARK = "canary-"
TOKEN = f"{MARK}token-that-a-key-was-exchanged-for"
OWN_KEY = f"{MARK}own-key-of-a-caller"
LIMITS = {"first_byte_timeout_s": 2, "idle_timeout_s": 2, "max_response_bytes": 1 << 20}
# The beginning of every secret, plain and as base64 spells it at each of three places.
MARKS = [MARK, *(base64.b64encode(b"\0" * skip + MARK.encode())[4 if skip else 0 :][:6].decode() for skip in range(3))]
SIGHTING = re.compile("|".join(f".{{0,60}}{re.escape(mark)}.{{0,60}}" for mark in MARKS))


def remote_specs() -> list[ProviderSpec]:
    """Every provider that is sent secrets."""
    return [spec for spec in specs("inference") if spec.kind == "remote" and spec.origin == "stack"]


def entry(spec: ProviderSpec, base_url: str, token_url: str) -> dict[str, Any]:
    """A provider's entry in run.yaml."""
    fields = load_config_class(spec).model_fields
    config: dict[str, Any] = {name: "a1" for name, field in fields.items() if field.is_required()}
    config |= {"base_url": base_url, **LIMITS} | ({"iam_url": token_url} if "iam_url" in fields else {})
    config |= {name: value for name, value in secrets(spec)}
    return {"provider_id": spec.name, "provider_type": spec.provider_type, "config": config}


def secrets(spec: ProviderSpec) -> Iterator[tuple[str, str | dict[str, str]]]:
    """Each field that holds secrets, with what it is filled with."""
    for name, field in load_config_class(spec).model_fields.items():
        if SecretStr.__name__ in str(field.annotation):
            secret = f"{MARK}{spec.name}/{name}+77="
            yield name, {"x-c": secret} if get_origin(field.annotation) is dict else secret


def run_file(base_url: str, token_url: str) -> dict[str, Any]:
    """run.yaml: JSON is YAML."""
    entries = [entry(spec, base_url, token_url) for spec in remote_specs()]
    return {"version": 2, "image_name": "canaries", "providers": {"inference": entries}}


def sightings(text: str) -> list[str]:
    """Where a secret shows, with what stands around it."""
    return SIGHTING.findall(text)[:5]
