"""Requests that many tests make."""

from __future__ import annotations

from typing import Any

from stack.apis.inference import ChatCompletionRequest


def chat(text: str = "hi", model: str = "ok", **more: Any) -> ChatCompletionRequest:
    """A request as a caller's JSON."""
    return ChatCompletionRequest.model_validate(
        {"model": model, "messages": [{"role": "user", "content": text}], **more}
    )
