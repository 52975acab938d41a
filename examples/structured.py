"""Get JSON that a schema describes.

Needs: structured output: schema
"""

from __future__ import annotations

import os

from openai import OpenAI
from pydantic import BaseModel


class Booking(BaseModel):
    """A table at a restaurant."""

    name: str
    guests: int
    vegetarian: bool


client = OpenAI(base_url=os.environ.get("STACK_URL", "http://127.0.0.1:8321/v1"), api_key="none")
answer = client.chat.completions.parse(
    model=os.environ.get("STACK_MODEL", "playground/not-an-llm"),
    messages=[{"role": "user", "content": "A table for 4 under the name of Ada, all vegetarian."}],
    response_format=Booking,
)
print(answer.choices[0].message.parsed)
