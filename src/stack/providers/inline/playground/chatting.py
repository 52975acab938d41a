"""A chat request answered: drafted once, then told whole or in chunks, which join to the same answer."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from stack.apis.chat import (
    ChatCompletion,
    ChatCompletionChunk,
    ChatCompletionMessage,
    ChatCompletionRequest,
    Choice,
    ChoiceLogprobs,
    ChunkChoice,
    Delta,
    FunctionCallDelta,
    ToolCall,
    ToolCallDelta,
)
from stack.apis.chat_options import JsonObjectFormat, JsonSchemaFormat
from stack.apis.messages import CustomCall, FunctionCall
from stack.apis.shapes import OtherType
from stack.apis.usage import CompletionUsage
from stack.errors import UnsupportedParameter
from stack.providers.inline.playground.answers import Manner, answer, quotation
from stack.providers.inline.playground.conversation import Conversation, read_conversation
from stack.providers.inline.playground.hints import Hints
from stack.providers.inline.playground.logprobs import chat_logprobs
from stack.providers.inline.playground.options import Bounds, chat_bounds, check_chat
from stack.providers.inline.playground.schema import fill
from stack.providers.inline.playground.schema_check import BadSchema
from stack.providers.inline.playground.text import token_count, tokens
from stack.providers.inline.playground.tools import Call, read_toolbox

# Hides how long each token is from whoever sees only the sizes of packets.
_PADDED_LENGTH = 16
FINGERPRINT = "stack-playground"
_MAX_STRUCTURED = 2_000_000


@dataclass(frozen=True, slots=True)
class Draft:
    """One choice of an answer: a text or calls, and OpenAI's reason why it ends."""

    text: str | None
    finish_reason: str
    calls: tuple[Call, ...] = ()

    @property
    def tokens(self) -> int:
        """How many tokens it takes."""
        return token_count(self.text or "") + sum(
            token_count(call.name) + token_count(call.payload) for call in self.calls
        )


@dataclass(frozen=True, slots=True)
class ChatAnswer:
    """All choices of an answer, and what is told with each chunk of it. unread: what in the request is not text."""

    id: str
    created: int
    model: str
    drafts: tuple[Draft, ...]
    prompt_tokens: int
    unread: str
    legacy: bool = False
    top_logprobs: int | None = None
    includes_usage: bool = False
    is_padded: bool = False

    @property
    def usage(self) -> CompletionUsage:
        """Tokens by our own estimate."""
        return usage(self.prompt_tokens, sum(draft.tokens for draft in self.drafts))

    def whole(self) -> ChatCompletion:
        """The answer in one piece."""
        return ChatCompletion(
            id=self.id,
            object="chat.completion",
            created=self.created,
            model=self.model,
            choices=[self._choice(index, draft) for index, draft in enumerate(self.drafts)],
            usage=self.usage,
            system_fingerprint=FINGERPRINT,
        )

    def chunks(self) -> Iterator[ChatCompletionChunk]:
        """The answer one token a chunk: choice after choice, each from its role to its finish reason."""
        for index, draft in enumerate(self.drafts):
            content = None if draft.calls else ""
            yield self._chunk([_piece(index, Delta(role="assistant", content=content, refusal=None))])
            for piece in tokens(draft.text or ""):
                padding = {"obfuscation": "x" * (-len(piece) % _PADDED_LENGTH)} if self.is_padded else {}
                yield self._chunk([_piece(index, Delta(content=piece), self._logprobs(piece))], **padding)
            for delta in self._call_deltas(index, draft.calls):
                yield self._chunk([_piece(index, delta)])
            yield self._chunk(
                [ChunkChoice(index=index, delta=Delta(), finish_reason=draft.finish_reason, logprobs=None)]
            )
        if self.includes_usage:
            yield self._chunk([], usage=self.usage)

    def _choice(self, index: int, draft: Draft) -> Choice:
        message = ChatCompletionMessage(role="assistant", content=draft.text, refusal=None)
        if draft.calls and self.legacy:
            message.function_call = FunctionCall(name=draft.calls[0].name, arguments=draft.calls[0].payload)
        elif draft.calls:
            message.tool_calls = [self._tool_call(index, place, call) for place, call in enumerate(draft.calls)]
        logprobs = self._logprobs(draft.text or "")
        return Choice(index=index, message=message, finish_reason=draft.finish_reason, logprobs=logprobs)

    def _logprobs(self, text: str) -> ChoiceLogprobs | None:
        return None if self.top_logprobs is None else chat_logprobs(tokens(text), self.top_logprobs)

    def _call_id(self, index: int, place: int) -> str:
        return "call_" + digest(f"{self.id} {index} {place}".encode())

    def _tool_call(self, index: int, place: int, call: Call) -> ToolCall:
        call_id = self._call_id(index, place)
        if call.kind == "custom":
            return ToolCall(id=call_id, type="custom", custom=CustomCall(name=call.name, input=call.payload))
        return ToolCall(id=call_id, type="function", function=FunctionCall(name=call.name, arguments=call.payload))

    def _call_deltas(self, index: int, calls: Sequence[Call]) -> Iterator[Delta]:
        for place, call in enumerate(calls):
            if self.legacy:
                yield Delta(function_call=FunctionCallDelta(name=call.name, arguments=""))
                yield from (Delta(function_call=FunctionCallDelta(arguments=piece)) for piece in tokens(call.payload))
                continue
            key = "input" if call.kind == "custom" else "arguments"
            opening = {"id": self._call_id(index, place), "type": call.kind, call.kind: {"name": call.name, key: ""}}
            yield _call_delta(place, opening)
            yield from (_call_delta(place, {call.kind: {key: piece}}) for piece in tokens(call.payload))

    def _chunk(self, choices: list[ChunkChoice], **more: Any) -> ChatCompletionChunk:
        # With usage to come, every other chunk says that it has none.
        more = {"usage": None, **more} if self.includes_usage else more
        return ChatCompletionChunk(
            id=self.id,
            object="chat.completion.chunk",
            created=self.created,
            model=self.model,
            choices=choices,
            system_fingerprint=FINGERPRINT,
            **more,
        )


def draft_chat(request: ChatCompletionRequest, created: int, answer_tokens: int = 0) -> ChatAnswer:
    """The answer to a chat request. Raises InvalidRequest, UnsupportedParameter.

    created: Unix seconds; answer_tokens: make a text as long as this, unless 0. The id is a hash of the request.
    """
    check_chat(request)
    bounds = chat_bounds(request)
    toolbox = read_toolbox(request)
    conversation = read_conversation(request.messages)
    calls = toolbox.calls(conversation)
    if calls:
        drafts = (_draft_calls(calls, bounds, toolbox.legacy),) * (request.n or 1)
    else:
        drafts = tuple(Draft(*bounds.cut(text)) for text in _texts(request, conversation, answer_tokens))
    offered = sum(token_count(json.dumps([one.name, one.description, one.schema])) for one in toolbox.offers)
    return ChatAnswer(
        id="chatcmpl-" + digest(request.body()),
        created=created,
        model=request.model,
        drafts=drafts,
        prompt_tokens=conversation.tokens + offered,
        unread=conversation.unread,
        legacy=toolbox.legacy,
        top_logprobs=(request.top_logprobs or 0) if request.logprobs else None,
        includes_usage=bool(request.stream_options and request.stream_options.include_usage),
        is_padded=bool(request.stream_options and request.stream_options.include_obfuscation),
    )


def digest(data: bytes) -> str:
    """A short name for data: equal for equal data."""
    return blake2b(data, digest_size=12).hexdigest()


def usage(prompt_tokens: int, completion_tokens: int) -> CompletionUsage:
    """The three counts."""
    total = prompt_tokens + completion_tokens
    return CompletionUsage(prompt_tokens=prompt_tokens, completion_tokens=completion_tokens, total_tokens=total)


def stretch(text: str, count: int) -> str:
    """The text repeated or cut to `count` tokens; as it is for 0."""
    if not count:
        return text
    pieces = tokens(text + " ")
    return "".join(tokens((text + " ") * (count // max(1, len(pieces) - 1) + 1))[:count])


def _texts(request: ChatCompletionRequest, conversation: Conversation, answer_tokens: int) -> list[str]:
    count = request.n or 1
    shape = request.response_format
    if isinstance(shape, OtherType):
        raise UnsupportedParameter(
            f"`response_format` of type `{shape.type}` is not supported", param="response_format.type"
        )
    manner = Manner(request.seed, request.verbosity or "medium")
    if isinstance(shape, JsonSchemaFormat) and shape.json_schema.schema_ is not None:
        return _several(_conforming(shape.json_schema.schema_, conversation), count)
    texts = answer(conversation, manner, count)
    if isinstance(shape, JsonObjectFormat | JsonSchemaFormat):
        return [json.dumps({"answer": text}, ensure_ascii=False) for text in texts]
    return [stretch(text, answer_tokens) for text in texts]


def _several(text: str, count: int) -> list[str]:
    if count * len(text) > _MAX_STRUCTURED:
        message = f"`n` answers by this schema would take over {_MAX_STRUCTURED} characters: ask for fewer"
        raise UnsupportedParameter(message, param="n")
    return [text] * count


def _conforming(schema: dict[str, Any], conversation: Conversation) -> str:
    text = "\n".join([*(turn.text for turn in conversation.results), conversation.asked])
    try:
        return json.dumps(fill(schema, Hints(text, quotation(conversation))), ensure_ascii=False)
    except BadSchema as error:
        param = "response_format.json_schema.schema"
        raise UnsupportedParameter(f"the playground cannot answer by `{param}`: {error}", param=param) from error


def _draft_calls(calls: Sequence[Call], bounds: Bounds, legacy: bool) -> Draft:
    """The calls, cut where the token limit falls, as a model's would be."""
    kept: list[Call] = []
    left = bounds.max_tokens
    for call in calls:
        named = None if left is None else left - token_count(call.name)
        if named is not None and named < 0:
            return Draft(None, "length", tuple(kept))
        payload, reason = Bounds(max_tokens=named).cut(call.payload)
        kept.append(Call(call.kind, call.name, payload))
        if reason == "length":
            return Draft(None, reason, tuple(kept))
        left = None if named is None else named - token_count(payload)
    return Draft(None, "function_call" if legacy else "tool_calls", tuple(kept))


def _piece(index: int, delta: Delta, logprobs: ChoiceLogprobs | None = None) -> ChunkChoice:
    return ChunkChoice(index=index, delta=delta, finish_reason=None, logprobs=logprobs)


def _call_delta(place: int, fields: dict[str, Any]) -> Delta:
    # Validated, since a custom call's `custom` is a field that OpenAI's own chunks do not name.
    return Delta(tool_calls=[ToolCallDelta.model_validate({"index": place, **fields})])
