"""What a caller sends along for a provider, in `x-stack-provider-data`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stack.apis.context import request_context


def callers_data(provider_id: str) -> Mapping[str, Any]:
    """What the caller says to a provider by its id."""
    own = request_context.get().provider_data.get(provider_id)
    return own if isinstance(own, dict) else {}


def callers_key(provider_id: str) -> str | None:
    """The caller's own key for a provider: `{"groq": {"api_key": ...}}`, or `groq_api_key`, as Llama Stack's has it."""
    data = request_context.get().provider_data
    if not data:
        return None
    key = callers_data(provider_id).get("api_key") or data.get(provider_id.replace("-", "_") + "_api_key")
    return key if isinstance(key, str) else None
