"""Let a model call a function of yours, and answer with what it returned.

Needs: tools: call; tools: result
"""

from __future__ import annotations

import json
import os
from typing import Any

from openai import OpenAI

WEATHER = {
    "name": "get_weather",
    "description": "The weather in a city now.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


def get_weather(city: str) -> str:
    return f"It is sunny in {city}, with 21 degrees."


client = OpenAI(base_url=os.environ.get("STACK_URL", "http://127.0.0.1:8321/v1"), api_key="none")
messages: list[Any] = [{"role": "user", "content": "What is the weather in Lisbon?"}]
for _ in range(5):
    answer = client.chat.completions.create(
        model=os.environ.get("STACK_MODEL", "playground/not-an-llm"),
        messages=messages,
        tools=[{"type": "function", "function": WEATHER}],
    )
    message = answer.choices[0].message
    messages.append(message.model_dump(exclude_none=True))
    if not message.tool_calls:
        print(message.content)
        break
    for call in message.tool_calls:
        arguments = json.loads(call.function.arguments)
        print(f"{call.function.name}({arguments})")
        messages.append({"role": "tool", "tool_call_id": call.id, "content": get_weather(**arguments)})
