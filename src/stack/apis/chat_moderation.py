"""What moderation found in the prompt and in the answer of one chat completion.

Source: https://platform.openai.com/docs/api-reference/chat/object
"""

from __future__ import annotations

from typing import Annotated, Literal

from stack.apis.shapes import Items, Map, OtherType, TaggedBy
from stack.apis.wire import WireModel


class ModerationResult(WireModel):
    """category_scores: the model's confidence per category, 0 to 1."""

    type: Literal["moderation_result"] | str
    model: str
    flagged: bool
    categories: Map[bool]
    category_scores: Map[float]
    category_applied_input_types: Map[Items[Literal["text", "image"] | str]]


class ModerationResults(WireModel):
    """One result per moderated input, in their order."""

    type: Literal["moderation_results"]
    model: str
    results: Items[ModerationResult]


class ModerationFailure(WireModel):
    """Why there is no result."""

    type: Literal["error"]
    code: str
    message: str


ModerationOutcome = Annotated[ModerationResults | ModerationFailure | OtherType, TaggedBy("type")]


class ModerationReport(WireModel):
    """What was found in the prompt (`input`) and in the answer (`output`)."""

    input: ModerationOutcome
    output: ModerationOutcome
