"""What a conversation is made of: messages of every role, the parts of their content, the calls they hold.

Source: https://platform.openai.com/docs/api-reference/chat/create#chat_create-messages
"""

from __future__ import annotations

from typing import Annotated, Literal

from stack.apis.shapes import Items, OtherType, TaggedBy
from stack.apis.wire import WireModel


class PromptCacheBreakpoint(WireModel):
    """Marks the end of a prefix that the upstream shall keep cached for `ttl`."""

    mode: Literal["explicit"] | str
    ttl: Literal["30m", "12h"] | str | None = None


class TextPart(WireModel):
    """Text."""

    type: Literal["text"]
    text: str
    prompt_cache_breakpoint: PromptCacheBreakpoint | None = None


class ImageUrl(WireModel):
    """url: an address that the upstream can fetch, or a `data:` URL with base64 content."""

    url: str
    detail: Literal["auto", "low", "high", "original"] | str | None = None


class ImagePart(WireModel):
    """An image."""

    type: Literal["image_url"]
    image_url: ImageUrl
    prompt_cache_breakpoint: PromptCacheBreakpoint | None = None


class InputAudio(WireModel):
    """data: base64 of a whole audio file in `format`."""

    data: str
    format: Literal["wav", "mp3"] | str


class AudioPart(WireModel):
    """Spoken input."""

    type: Literal["input_audio"]
    input_audio: InputAudio
    prompt_cache_breakpoint: PromptCacheBreakpoint | None = None


class FileSource(WireModel):
    """file_data: a `data:` URL with base64 content; or file_id: the id of an uploaded file."""

    file_data: str | None = None
    file_id: str | None = None
    filename: str | None = None


class FilePart(WireModel):
    """A document."""

    type: Literal["file"]
    file: FileSource
    prompt_cache_breakpoint: PromptCacheBreakpoint | None = None


class RefusalPart(WireModel):
    """What the model said instead of an answer."""

    type: Literal["refusal"]
    refusal: str


TextOnly = Annotated[TextPart | OtherType, TaggedBy("type")]
UserPart = Annotated[TextPart | ImagePart | AudioPart | FilePart | OtherType, TaggedBy("type")]
AssistantPart = Annotated[TextPart | RefusalPart | OtherType, TaggedBy("type")]


class FunctionCall(WireModel):
    """arguments: JSON as the model wrote it, which may be invalid."""

    name: str
    arguments: str


class CustomCall(WireModel):
    """input: free text as the model wrote it."""

    name: str
    input: str


class FunctionToolCall(WireModel):
    """A call of a function, answered by the tool message with `tool_call_id` equal to `id`."""

    id: str
    type: Literal["function"]
    function: FunctionCall


class CustomToolCall(WireModel):
    """A call of a custom tool, answered by the tool message with `tool_call_id` equal to `id`."""

    id: str
    type: Literal["custom"]
    custom: CustomCall


RequestToolCall = Annotated[FunctionToolCall | CustomToolCall | OtherType, TaggedBy("type")]


class DeveloperMessage(WireModel):
    """Instructions that come before the user's; newer models read these in place of system messages."""

    role: Literal["developer"]
    content: str | Items[TextOnly]
    name: str | None = None


class SystemMessage(WireModel):
    """Instructions that come before the user's."""

    role: Literal["system"]
    content: str | Items[TextOnly]
    name: str | None = None


class UserMessage(WireModel):
    """What the user said."""

    role: Literal["user"]
    content: str | Items[UserPart]
    name: str | None = None


class AudioReference(WireModel):
    """id: of an earlier spoken answer."""

    id: str


class AssistantMessage(WireModel):
    """An earlier answer of the model; `content` may be absent where it called tools."""

    role: Literal["assistant"]
    content: str | Items[AssistantPart] | None = None
    refusal: str | None = None
    name: str | None = None
    audio: AudioReference | None = None
    tool_calls: Items[RequestToolCall] | None = None
    function_call: FunctionCall | None = None


class ToolMessage(WireModel):
    """The result of one tool call."""

    role: Literal["tool"]
    content: str | Items[TextOnly]
    tool_call_id: str


class FunctionMessage(WireModel):
    """The result of a legacy `function_call`."""

    role: Literal["function"]
    content: str | None
    name: str


class OtherMessage(WireModel):
    """A message of a role that is not known here: passed on as it came, for the upstream to judge."""

    role: str


Message = Annotated[
    DeveloperMessage | SystemMessage | UserMessage | AssistantMessage | ToolMessage | FunctionMessage | OtherMessage,
    TaggedBy("role"),
]
