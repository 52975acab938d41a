"""The resource that inference is addressed by: a model, by the id that callers use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, Field

ModelType = Literal["llm", "embedding", "rerank"]


class Model(BaseModel):
    """A model that one provider serves.

    model_type: None when the upstream does not tell.
    model_id: what callers say (`groq/llama-3.1-8b`); provider_model_id: what the upstream is told (`llama-3.1-8b`).
    """

    model_id: str
    provider_id: str
    provider_model_id: str
    model_type: ModelType | None = None
    created: int = 0
    owned_by: str = ""
    metadata: dict[str, Any] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ModelAvailability:
    """Whether the upstream serves a model, and how we know; true in a condition only when it does."""

    status: Literal["available", "absent", "unknown"]
    reason: str = ""

    def __bool__(self) -> bool:
        return self.status == "available"


@dataclass(frozen=True, slots=True)
class TextLimit:
    """How much of a text an embedding model reads: `tokens`, its marks of begin and end not counted.

    count: the tokens of a text as the model has them, to be asked by any thread; None where nobody here can tell.
    """

    tokens: int
    count: Callable[[str], float] | None = None
