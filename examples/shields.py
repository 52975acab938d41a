"""Keep secrets out of a model, and personal data out of its answers: for `stack run safety`.

Needs: chat: answer
"""

from __future__ import annotations

import os

import openai

client = openai.OpenAI(base_url=os.environ.get("STACK_URL", "http://127.0.0.1:8321/v1"), api_key="none")
model = os.environ.get("STACK_MODEL", "guarded")


def ask(question: str) -> str:
    messages = [{"role": "user", "content": question}]
    try:
        answer = client.chat.completions.create(model=model, messages=messages)  # type: ignore[arg-type]
    except openai.BadRequestError as error:
        return f"refused: {error.code}"
    return answer.choices[0].message.content or ""


print(ask("Why can nobody reach postgres://shop:Gq7vW2xP9zLm@db.example.com/shop?"))
print(ask("Write to joe.bloggs@example.com about the order."))
