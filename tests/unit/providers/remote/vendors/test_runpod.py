"""RunPod has an address per endpoint."""

from __future__ import annotations

from typing import Any

from asking import chat


async def test_calls_go_to_the_endpoint(provider: Any, service: Any):
    service.on("/v2/abc123/openai/v1/chat/completions", {"choices": []})
    await provider("runpod", base_url=f"{service.origin}/v2/", endpoint_id="abc123").openai_chat_completion(chat())
    assert len(service.received) == 1
