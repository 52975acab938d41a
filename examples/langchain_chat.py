"""LangChain's chat model in front of a stack: `pip install langchain-openai`.

Needs: chat: answer; chat: stream
"""

from __future__ import annotations

import os

from langchain_openai import ChatOpenAI

model = ChatOpenAI(
    base_url=os.environ.get("STACK_URL", "http://127.0.0.1:8321/v1"),
    api_key="none",
    model=os.environ.get("STACK_MODEL", "playground/not-an-llm"),
)
print(model.invoke([("system", "The shop opens at nine."), ("user", "When does the shop open?")]).content)
print("".join(str(chunk.content) for chunk in model.stream("Tell me about the sea.")))
