"""DeepSeek completes text under a path of its own."""

from __future__ import annotations

from typing import Any

import pytest

from stack.apis.inference import CompletionRequest


@pytest.mark.parametrize("root", ["", "/v1"])
async def test_completions_go_to_the_beta(provider: Any, service: Any, root: str):
    service.on("/beta/completions", {"choices": [{"index": 0, "text": "b", "finish_reason": "stop"}]})
    request = CompletionRequest(model="deepseek-chat", prompt="a", suffix="c")
    reply = await provider("deepseek", base_url=service.origin + root).openai_completion(request)
    assert reply.value.choices[0].text == "b"
