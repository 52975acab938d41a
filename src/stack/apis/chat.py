"""Chat completions: the request, the whole answer, the answer in chunks.

Source: https://platform.openai.com/docs/api-reference/chat

Builders of answers set every field that the docstrings name: defaults are for upstreams that leave fields out, and
are not sent. Values in `Literal[...] | str` are those OpenAI lists; a newer one is for the other side to judge.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from stack.apis.chat_moderation import ModerationReport
from stack.apis.chat_options import (
    AudioOptions,
    LegacyFunction,
    LegacyFunctionChoice,
    ModerationOptions,
    Prediction,
    PromptCacheOptions,
    ResponseFormat,
    StreamOptions,
    WebSearchOptions,
)
from stack.apis.messages import CustomCall, FunctionCall, Message
from stack.apis.shapes import Items, Map
from stack.apis.tools import Tool, ToolChoice
from stack.apis.usage import CompletionUsage
from stack.apis.wire import WireModel, WireRequest

ServiceTier = Literal["auto", "default", "flex", "scale", "priority", "fast"] | str
FinishReason = Literal["stop", "length", "tool_calls", "content_filter", "function_call"] | str


class ChatCompletionRequest(WireRequest):
    """A conversation to be answered.

    messages: oldest first. max_completion_tokens: bound on reasoning and visible tokens together; max_tokens: its
    older name. n: answers wanted. logit_bias: token id to -100 .. 100. temperature: 0 .. 2. top_logprobs: 0 .. 20.
    seed: best effort. stop: up to 4 texts.
    Source: https://platform.openai.com/docs/api-reference/chat/create
    """

    messages: Annotated[Items[Message], Field(min_length=1)]
    audio: AudioOptions | None = None
    frequency_penalty: float | None = None
    function_call: Literal["none", "auto"] | str | LegacyFunctionChoice | None = None
    functions: Items[LegacyFunction] | None = None
    logit_bias: Map[float] | None = None
    logprobs: bool | None = None
    max_completion_tokens: int | None = None
    max_tokens: int | None = None
    metadata: Map[str] | None = None
    modalities: Items[Literal["text", "audio"] | str] | None = None
    moderation: ModerationOptions | None = None
    n: Annotated[int, Field(ge=1)] | None = None
    parallel_tool_calls: bool | None = None
    prediction: Prediction | None = None
    presence_penalty: float | None = None
    prompt_cache_key: str | None = None
    prompt_cache_options: PromptCacheOptions | None = None
    prompt_cache_retention: Literal["in_memory", "24h"] | str | None = None
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"] | str | None = None
    response_format: ResponseFormat | None = None
    safety_identifier: str | None = None
    seed: int | None = None
    service_tier: ServiceTier | None = None
    stop: str | Items[str] | None = None
    store: bool | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    temperature: Annotated[float, Field(ge=0)] | None = None
    tool_choice: ToolChoice | None = None
    tools: Items[Tool] | None = None
    top_logprobs: int | None = None
    top_p: float | None = None
    user: str | None = None
    verbosity: Literal["low", "medium", "high"] | str | None = None
    web_search_options: WebSearchOptions | None = None


class TopLogprob(WireModel):
    """bytes: UTF-8 of the token, of which a character may take several; logprob: natural logarithm."""

    token: str
    logprob: float
    bytes: Items[int] | None = None


class TokenLogprob(TopLogprob):
    """top_logprobs: the likeliest tokens at this position, best first."""

    top_logprobs: Items[TopLogprob] = Field(default_factory=list)


class ChoiceLogprobs(WireModel):
    """One entry per token of the content and of the refusal."""

    content: Items[TokenLogprob] | None = None
    refusal: Items[TokenLogprob] | None = None


class UrlCitation(WireModel):
    """start_index, end_index: the cited span of the content, in characters, end exclusive."""

    start_index: int
    end_index: int
    title: str
    url: str


class Annotation(WireModel):
    """A source of the answer; `url_citation` stands in annotations of that type."""

    type: Literal["url_citation"] | str
    url_citation: UrlCitation | None = None


class Audio(WireModel):
    """data: base64 in the format that was asked for; expires_at: Unix seconds until which `id` can be referred to."""

    id: str
    data: str
    expires_at: int
    transcript: str


class ToolCall(WireModel):
    """A call that the model asks for. Builders set id, type, and `function` or `custom` by type."""

    id: str
    type: Literal["function", "custom"] | str = "function"
    function: FunctionCall | None = None
    custom: CustomCall | None = None


class ChatCompletionMessage(WireModel):
    """The model's answer. Builders set role, content (None where there is none) and refusal.

    `reasoning` and `reasoning_content` are what several upstreams call the model's thoughts; OpenAI sends neither.
    """

    role: Literal["assistant"] | str = "assistant"
    content: str | None = None
    refusal: str | None = None
    reasoning: str | None = None
    reasoning_content: str | None = None
    annotations: Items[Annotation] | None = None
    audio: Audio | None = None
    tool_calls: Items[ToolCall] | None = None
    function_call: FunctionCall | None = None


class Choice(WireModel):
    """One of `n` answers. Builders set index, message, finish_reason and logprobs (None unless asked for)."""

    index: int = 0
    message: ChatCompletionMessage
    finish_reason: FinishReason | None = None
    logprobs: ChoiceLogprobs | None = None


class ChatCompletion(WireModel):
    """A whole answer. Builders set id, object, created (Unix seconds), model, choices and usage.

    Source: https://platform.openai.com/docs/api-reference/chat/object
    """

    id: str = ""
    object: Literal["chat.completion"] | str = "chat.completion"
    created: int = 0
    model: str = ""
    choices: Items[Choice]
    usage: CompletionUsage | None = None
    service_tier: ServiceTier | None = None
    system_fingerprint: str | None = None
    metadata: Map[str] | None = None
    moderation: ModerationReport | None = None


class FunctionCallDelta(WireModel):
    """name: in the first delta of a call; arguments: the next piece of the JSON text."""

    name: str | None = None
    arguments: str | None = None


class ToolCallDelta(WireModel):
    """A piece of the call at `index`. Builders set index always, id and type in the first piece only."""

    index: int = 0
    id: str | None = None
    type: Literal["function"] | str | None = None
    function: FunctionCallDelta | None = None


class AudioDelta(WireModel):
    """The next piece of a spoken answer."""

    id: str | None = None
    data: str | None = None
    expires_at: int | None = None
    transcript: str | None = None


class Delta(WireModel):
    """The next piece of an answer. Builders set role in the first one, then only what is new."""

    role: Literal["developer", "system", "user", "assistant", "tool"] | str | None = None
    content: str | None = None
    refusal: str | None = None
    reasoning: str | None = None
    reasoning_content: str | None = None
    audio: AudioDelta | None = None
    tool_calls: Items[ToolCallDelta] | None = None
    function_call: FunctionCallDelta | None = None


class ChunkChoice(WireModel):
    """A piece of the answer at `index`. Builders set index, delta and finish_reason (None but in the last)."""

    index: int = 0
    delta: Delta = Field(default_factory=Delta)
    finish_reason: FinishReason | None = None
    logprobs: ChoiceLogprobs | None = None


class ChatCompletionChunk(WireModel):
    """A piece of a streamed answer. Builders set id, object, created, model (equal in all chunks) and choices.

    usage: in the chunk without choices that ends a stream with `stream_options.include_usage`.
    Source: https://platform.openai.com/docs/api-reference/chat-streaming
    """

    id: str = ""
    object: Literal["chat.completion.chunk"] | str = "chat.completion.chunk"
    created: int = 0
    model: str = ""
    choices: Items[ChunkChoice] = Field(default_factory=list)
    usage: CompletionUsage | None = None
    service_tier: ServiceTier | None = None
    system_fingerprint: str | None = None
    moderation: ModerationReport | None = None
    obfuscation: str | None = None
