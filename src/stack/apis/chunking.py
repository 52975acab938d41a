"""How a file is cut into chunks. Source: https://platform.openai.com/docs/api-reference/vector-stores-files/createFile"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticKnownError

from stack.apis.wire import WireModel

LEAST_SIZE = 100
DEFAULT_SIZE = 800
DEFAULT_OVERLAP = 400


class _Strict(WireModel):
    """Nobody is handed these fields on, so that an unknown one would be lost."""

    model_config = ConfigDict(extra="forbid")


def _default_overlap(fields: dict[str, Any]) -> int:
    return min(DEFAULT_OVERLAP, int(fields.get("max_chunk_size_tokens", DEFAULT_SIZE)) // 2)


class StaticChunking(_Strict):
    """Sizes in tokens. chunk_overlap_tokens: at most half of max_chunk_size_tokens; left out, 400 or that half."""

    max_chunk_size_tokens: int = Field(DEFAULT_SIZE, ge=LEAST_SIZE, le=4096)
    chunk_overlap_tokens: int = Field(default_factory=_default_overlap, ge=0)

    @field_validator("chunk_overlap_tokens")
    @classmethod
    def _at_most_half(cls, overlap: int, info: ValidationInfo) -> int:
        half: int = info.data.get("max_chunk_size_tokens", 2 * overlap) // 2
        if overlap > half:
            raise PydanticKnownError("less_than_equal", {"le": half})
        return overlap


class ChunkingStrategy(_Strict):
    """`{"type": "auto"}`, which is 800 tokens with 400 shared, or `{"type": "static", "static": {...}}`."""

    type: Literal["auto", "static"]
    static: Annotated[StaticChunking | None, Field(validate_default=True)] = None

    @field_validator("static")
    @classmethod
    def _belongs_to_its_type(cls, static: StaticChunking | None, info: ValidationInfo) -> StaticChunking | None:
        kind = info.data.get("type")
        if kind == "static" and static is None:
            raise PydanticKnownError("missing")
        if kind == "auto" and static is not None:
            raise PydanticKnownError("extra_forbidden")
        return static

    @property
    def sizes(self) -> StaticChunking:
        """The sizes that are used."""
        return self.static or StaticChunking()

    def resolved(self) -> ChunkingStrategy:
        """As answers show it: always `static`, with its numbers."""
        return ChunkingStrategy(type="static", static=self.sizes)


AUTO = ChunkingStrategy(type="auto")
