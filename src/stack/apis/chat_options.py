"""Options of a chat request that are objects themselves.

Source: https://platform.openai.com/docs/api-reference/chat/create
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from stack.apis.messages import TextOnly
from stack.apis.shapes import Items, OtherType, TaggedBy
from stack.apis.wire import WireModel


class StreamOptions(WireModel):
    """include_usage: one more chunk at the end, with the usage of the whole answer and no choices."""

    include_usage: bool | None = None
    include_obfuscation: bool | None = None


class TextFormat(WireModel):
    """Text without a form."""

    type: Literal["text"]


class JsonObjectFormat(WireModel):
    """Any JSON object; the messages must ask for JSON too."""

    type: Literal["json_object"]


class JsonSchema(WireModel):
    """schema: JSON Schema of the answer; strict: hold the model to it exactly."""

    name: str
    description: str | None = None
    schema_: dict[str, Any] | None = Field(None, alias="schema")  # `schema` is taken by pydantic's BaseModel
    strict: bool | None = None


class JsonSchemaFormat(WireModel):
    """JSON that a schema describes."""

    type: Literal["json_schema"]
    json_schema: JsonSchema


ResponseFormat = Annotated[TextFormat | JsonObjectFormat | JsonSchemaFormat | OtherType, TaggedBy("type")]


class Voice(WireModel):
    """id: of a custom voice."""

    id: str


class AudioOptions(WireModel):
    """How a spoken answer shall sound."""

    format: Literal["wav", "aac", "mp3", "flac", "opus", "pcm16"] | str
    voice: (
        Literal["alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar"] | str | Voice
    )


class Prediction(WireModel):
    """Text that the answer will mostly repeat, such as a file under edit."""

    type: Literal["content"] | str
    content: str | Items[TextOnly]


class ApproximateLocation(WireModel):
    """country: ISO 3166-1, two letters; timezone: IANA name."""

    city: str | None = None
    country: str | None = None
    region: str | None = None
    timezone: str | None = None


class UserLocation(WireModel):
    """Where the user is, for search results."""

    type: Literal["approximate"] | str
    approximate: ApproximateLocation


class WebSearchOptions(WireModel):
    """search_context_size: how much of the search results the model is given."""

    search_context_size: Literal["low", "medium", "high"] | str | None = None
    user_location: UserLocation | None = None


class ModerationRule(WireModel):
    """Whether flagged content is only scored, or blocked."""

    mode: Literal["score", "block"] | str


class ModerationPolicy(WireModel):
    """What is done with the prompt and with the answer."""

    input: ModerationRule | None = None
    output: ModerationRule | None = None


class ModerationOptions(WireModel):
    """Moderation of prompt and answer by `model`, in the same call."""

    model: str
    policy: ModerationPolicy | None = None


class PromptCacheOptions(WireModel):
    """How the upstream caches prefixes of the prompt."""

    mode: Literal["implicit", "explicit"] | str | None = None
    ttl: Literal["30m"] | str | None = None


class LegacyFunction(WireModel):
    """A function in the form that came before `tools`. parameters: JSON Schema of the arguments."""

    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None


class LegacyFunctionChoice(WireModel):
    """The model must call this function."""

    name: str
