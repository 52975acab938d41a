"""Asking the chosen stack for what not every model can do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import openai
import pytest

from stack import StackClient

PLAYGROUND = "playground/not-an-llm"
HI = [{"role": "user", "content": "What is the capital of Peru? Its capital is Lima."}]


@contextmanager
def skipping_what_is_refused(model: str) -> Iterator[None]:
    """A model may lack a capability, and says so; the playground lacks none of those that are tested."""
    try:
        yield
    except openai.BadRequestError as error:
        if model.startswith("playground/") or error.code not in ("unsupported", "unsupported_parameter"):
            raise
        pytest.skip(f"`{model}` cannot do this: {error.message}")


@pytest.fixture
def chat(client: StackClient, text_model: str) -> Callable[..., Any]:
    """`chat(n=2)`: one chat request of the text model."""

    def chat(**request: Any) -> Any:
        with skipping_what_is_refused(text_model):
            return client.chat.completions.create(**{"model": text_model, "messages": HI, **request})

    return chat


@pytest.fixture
def complete(client: StackClient, text_model: str) -> Callable[..., Any]:
    """`complete(n=2)`: one completion request of the text model."""

    def complete(**request: Any) -> Any:
        with skipping_what_is_refused(text_model):
            return client.completions.create(**{"model": text_model, "prompt": "Once upon a time", **request})

    return complete


@pytest.fixture
def embed(client: StackClient, embedding_model: str) -> Callable[..., Any]:
    """`embed("a", "b", dimensions=64)`: one embeddings request."""

    def embed(*texts: Any, **request: Any) -> Any:
        with skipping_what_is_refused(embedding_model):
            return client.embeddings.create(**{"model": embedding_model, "input": list(texts), **request})

    return embed


@pytest.fixture
def playground(text_model: str) -> str:
    """For tests of exact texts, which only the playground gives twice."""
    if text_model != PLAYGROUND:
        pytest.skip(f"`{text_model}` may say anything: only `{PLAYGROUND}` is deterministic")
    return text_model
