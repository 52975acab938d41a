"""A playground to ask, models in this process that say the alphabet, and short ways to write requests."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from alphabet_models import new_model, write_model

from stack.apis.chat import ChatCompletion, ChatCompletionChunk, ChatCompletionRequest
from stack.providers.inline.inference.playground import Config, Playground
from stack.testing.deps import provider_deps
from stack.testing.natives import INSTALL, NATIVES

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


@pytest.fixture(scope="session")
def alphabet_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """`alphabet_of("llama-cpp")`: the model of an engine, written once; skips where the engine is not installed."""

    @cache
    def write(engine: str) -> Path:
        return write_model(engine, tmp_path_factory.mktemp(engine))

    def find(engine: str) -> Path:
        if not NATIVES[engine].is_installed():
            pytest.skip(f"needs {engine}: `{INSTALL}`")
        return write(engine)

    return find


@pytest.fixture
async def local_model(alphabet_of: Callable[[str], Path]) -> AsyncIterator[Callable[..., Awaitable[Any]]]:
    """`await local_model("llama-cpp", task="embed")`: a provider that has started on its model, shut down after."""
    made: list[Any] = []

    async def start(engine: str, **config: Any) -> Any:
        made.append(new_model(engine, alphabet_of(engine), **config))
        await made[-1].initialize()
        return made[-1]

    yield start
    for each in made:
        await each.shutdown()
