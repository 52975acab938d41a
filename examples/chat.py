"""Ask a question with OpenAI's client.

Needs: chat: answer
"""

from __future__ import annotations

import os

from openai import OpenAI

client = OpenAI(base_url=os.environ.get("STACK_URL", "http://127.0.0.1:8321/v1"), api_key="none")
answer = client.chat.completions.create(
    model=os.environ.get("STACK_MODEL", "playground/not-an-llm"),
    messages=[
        {"role": "system", "content": "The shop opens at nine. Cars park behind the house."},
        {"role": "user", "content": "When does the shop open?"},
    ],
)
print(answer.choices[0].message.content)
print("tokens:", answer.usage.total_tokens if answer.usage else "not told")
