"""A playground to ask, and short ways to write requests."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from stack.apis.chat import ChatCompletion, ChatCompletionChunk, ChatCompletionRequest
from stack.providers.inline.inference.playground import Config, Playground
from stack.testing.deps import provider_deps

Chat = Callable[..., ChatCompletionRequest]


def new_playground(**config: Any) -> Playground:
    return Playground(Config(**config), provider_deps("playground"))


@pytest.fixture
def playground() -> Playground:
    return new_playground()


@pytest.fixture
def configured() -> Callable[..., Playground]:
    return new_playground


@pytest.fixture
def chat() -> Chat:
    """`chat("system text", "question", n=2)`: the last text is the user's, those before are the system's."""

    def build(*messages: str | dict[str, Any], **options: Any) -> ChatCompletionRequest:
        *context, asked = messages
        turns = [one if isinstance(one, dict) else {"role": "system", "content": one} for one in context]
        turns.append(asked if isinstance(asked, dict) else {"role": "user", "content": asked})
        body = {"model": "not-an-llm", "messages": turns, **options}
        return ChatCompletionRequest.from_body(json.dumps(body).encode())

    return build


@pytest.fixture
def whole(playground: Playground, chat: Chat) -> Callable[..., Any]:
    async def ask(*messages: str | dict[str, Any], **options: Any) -> ChatCompletion:
        reply = await playground.openai_chat_completion(chat(*messages, **options))
        return ChatCompletion.model_validate_json(reply.body)

    return ask


@pytest.fixture
def text(whole: Callable[..., Any]) -> Callable[..., Any]:
    async def ask(*messages: str | dict[str, Any], **options: Any) -> str:
        return (await whole(*messages, **options)).choices[0].message.content

    return ask


@pytest.fixture
def streamed(playground: Playground, chat: Chat) -> Callable[..., Any]:
    async def ask(*messages: str | dict[str, Any], **options: Any) -> list[ChatCompletionChunk]:
        stream = await playground.openai_chat_completion(chat(*messages, **options, stream=True))
        return [chunk async for chunk in stream]

    return ask
