"""Show an answer while it is written, and what it cost.

Needs: chat: stream; chat: stream usage
"""

from __future__ import annotations

import os

from openai import OpenAI

client = OpenAI(base_url=os.environ.get("STACK_URL", "http://127.0.0.1:8321/v1"), api_key="none")
stream = client.chat.completions.create(
    model=os.environ.get("STACK_MODEL", "playground/not-an-llm"),
    messages=[{"role": "user", "content": "Tell me about the sea."}],
    stream=True,
    stream_options={"include_usage": True},
)
for chunk in stream:
    for choice in chunk.choices:
        print(choice.delta.content or "", end="", flush=True)
    if chunk.usage:
        print(f"\ntokens: {chunk.usage.total_tokens}")
