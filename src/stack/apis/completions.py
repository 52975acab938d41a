"""Completions: the continuation of a text. Source: https://platform.openai.com/docs/api-reference/completions"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from stack.apis.chat_options import StreamOptions
from stack.apis.shapes import Items, Map
from stack.apis.usage import CompletionUsage
from stack.apis.wire import WireModel, WireRequest


class CompletionRequest(WireRequest):
    """A text to be continued.

    prompt: one text or one array of token ids, or an array of either; None starts a new document. suffix: text that
    follows the continuation. echo: repeat the prompt first. best_of: candidates, of which the `n` likeliest are
    answered. logprobs: how many of the likeliest tokens to report per position, 0 .. 5. stop: up to 4 texts.
    Source: https://platform.openai.com/docs/api-reference/completions/create
    """

    prompt: str | Items[str] | Items[int] | Items[Items[int]] | None
    best_of: Annotated[int, Field(ge=1)] | None = None
    echo: bool | None = None
    frequency_penalty: float | None = None
    logit_bias: Map[float] | None = None
    logprobs: int | None = None
    max_tokens: int | None = None
    n: Annotated[int, Field(ge=1)] | None = None
    presence_penalty: float | None = None
    seed: int | None = None
    stop: str | Items[str] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    suffix: str | None = None
    temperature: Annotated[float, Field(ge=0)] | None = None
    top_p: float | None = None
    user: str | None = None


class CompletionLogprobs(WireModel):
    """Arrays of equal length, one entry per token; the first token of an echoed prompt has None for a logprob.

    text_offset: characters from the start of the text; token_logprobs: natural logarithms.
    """

    text_offset: Items[int] | None = None
    token_logprobs: Items[float | None] | None = None
    tokens: Items[str] | None = None
    top_logprobs: Items[Map[float] | None] | None = None


class CompletionChoice(WireModel):
    """A continuation or a piece of it. Builders set index, text, finish_reason and logprobs (None unless asked for)."""

    index: int = 0
    text: str = ""
    finish_reason: Literal["stop", "length", "content_filter"] | str | None = None
    logprobs: CompletionLogprobs | None = None


class Completion(WireModel):
    """An answer, whole or one chunk of it. Builders set id, object, created (Unix seconds), model, choices and usage.

    In a stream, usage stands in the last chunk, if it was asked for. A builder sets all of these explicitly: defaults
    are for upstreams that leave fields out, and are not sent.
    Source: https://platform.openai.com/docs/api-reference/completions/object
    """

    id: str = ""
    object: Literal["text_completion"] | str = "text_completion"
    created: int = 0
    model: str = ""
    choices: Items[CompletionChoice] = Field(default_factory=list)
    usage: CompletionUsage | None = None
    system_fingerprint: str | None = None
