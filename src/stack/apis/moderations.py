"""Moderations: what a text or an image may be objected to for, in OpenAI's categories.

Source: https://platform.openai.com/docs/api-reference/moderations
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import Field

from stack.apis.ids import new_id
from stack.apis.shapes import Items, Map
from stack.apis.wire import WireModel

InputType = Literal["text", "image"]
OpenAIModel = Literal[
    "omni-moderation-latest", "omni-moderation-2024-09-26", "text-moderation-latest", "text-moderation-stable"
]

CATEGORIES = (
    "harassment",
    "harassment/threatening",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "self-harm",
    "self-harm/instructions",
    "self-harm/intent",
    "sexual",
    "sexual/minors",
    "violence",
    "violence/graphic",
)


_Some = Field(min_length=1)


class ModerationText(WireModel):
    """A text to judge."""

    type: Literal["text"]
    text: str


class ModerationImageUrl(WireModel):
    """url: an address, or a `data:` URL with base64 content."""

    url: str


class ModerationImage(WireModel):
    """An image to judge."""

    type: Literal["image_url"]
    image_url: ModerationImageUrl


ModerationPart = ModerationText | ModerationImage


class ModerationRequest(WireModel):
    """What to judge: a text, several texts (a result each), or texts and images that belong together (one result).

    model: the id of a shield, or what its provider calls it; left out, or the name of one of OpenAI's models that no
    shield has: the default shield.
    """

    input: str | Annotated[Items[str], _Some] | Annotated[Items[ModerationPart], _Some]
    model: OpenAIModel | str | None = None


class ModerationCategories(WireModel):
    """Which categories apply; further ones, under a provider's own names, stand beside OpenAI's."""

    harassment: bool
    harassment_threatening: bool = Field(alias="harassment/threatening")
    hate: bool
    hate_threatening: bool = Field(alias="hate/threatening")
    illicit: bool | None = None
    illicit_violent: bool | None = Field(None, alias="illicit/violent")
    self_harm: bool = Field(alias="self-harm")
    self_harm_instructions: bool = Field(alias="self-harm/instructions")
    self_harm_intent: bool = Field(alias="self-harm/intent")
    sexual: bool
    sexual_minors: bool = Field(alias="sexual/minors")
    violence: bool
    violence_graphic: bool = Field(alias="violence/graphic")


class ModerationScores(WireModel):
    """How sure the provider is of each category, 0 to 1; further ones stand beside OpenAI's."""

    harassment: float
    harassment_threatening: float = Field(alias="harassment/threatening")
    hate: float
    hate_threatening: float = Field(alias="hate/threatening")
    illicit: float
    illicit_violent: float = Field(alias="illicit/violent")
    self_harm: float = Field(alias="self-harm")
    self_harm_instructions: float = Field(alias="self-harm/instructions")
    self_harm_intent: float = Field(alias="self-harm/intent")
    sexual: float
    sexual_minors: float = Field(alias="sexual/minors")
    violence: float
    violence_graphic: float = Field(alias="violence/graphic")


class ModerationInputTypes(WireModel):
    """What each category was looked for in: text, images, both, or (an empty list) not at all."""

    harassment: Items[InputType]
    harassment_threatening: Items[InputType] = Field(alias="harassment/threatening")
    hate: Items[InputType]
    hate_threatening: Items[InputType] = Field(alias="hate/threatening")
    illicit: Items[InputType]
    illicit_violent: Items[InputType] = Field(alias="illicit/violent")
    self_harm: Items[InputType] = Field(alias="self-harm")
    self_harm_instructions: Items[InputType] = Field(alias="self-harm/instructions")
    self_harm_intent: Items[InputType] = Field(alias="self-harm/intent")
    sexual: Items[InputType]
    sexual_minors: Items[InputType] = Field(alias="sexual/minors")
    violence: Items[InputType]
    violence_graphic: Items[InputType] = Field(alias="violence/graphic")


class Moderation(WireModel):
    """One judgement. provider_codes: per category that applies, what the provider itself calls it (`S10`)."""

    categories: ModerationCategories
    category_applied_input_types: ModerationInputTypes
    category_scores: ModerationScores
    flagged: bool
    provider_codes: Map[Items[str]] = Field(default_factory=dict)
    user_message: str | None = None


class ModerationResponse(WireModel):
    """A judgement per input, in their order. model: the shield that judged."""

    id: str
    model: str
    results: Items[Moderation]


def moderation(
    scores: Iterable[tuple[str, float, str]],
    flagged: Iterable[str],
    input_types: Iterable[InputType],
    user_message: str | None = None,
) -> Moderation:
    """A judgement from what a provider found.

    scores: category, score and the provider's own code (empty: none); a category may come often, the highest score
    counts. flagged: the categories that apply. input_types: what was looked at.
    """
    highest = dict.fromkeys(CATEGORIES, 0.0)
    codes: dict[str, list[str]] = {}
    applied = frozenset(flagged)
    for category, score, code in scores:
        highest[category] = max(highest.get(category, 0.0), score)
        if code and category in applied and code not in codes.setdefault(category, []):
            codes[category].append(code)
    found: dict[str, Any] = {
        "categories": {category: category in applied for category in highest},
        "category_scores": highest,
        "category_applied_input_types": {category: list(input_types) for category in highest},
        "flagged": bool(applied),
        "provider_codes": codes,
        "user_message": user_message,
    }
    return Moderation.model_validate(found)


def moderation_response(model: str, results: Iterable[Moderation]) -> ModerationResponse:
    """The answer to a request for moderation."""
    return ModerationResponse(id=new_id("modr-"), model=model, results=list(results))
