"""OpenAI's moderations as another service answers them: of any age, with categories of its own, or parts left out.

Source: https://platform.openai.com/docs/api-reference/moderations/object
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from stack.apis.moderations import InputType, Moderation, moderation
from stack.apis.safety import CheckedMessage, Finding


class Judgement(BaseModel):
    """What every such service says of an input."""

    flagged: bool
    categories: dict[str, bool | None]
    category_scores: dict[str, float | None]
    category_applied_input_types: dict[str, list[InputType] | None] = Field(default_factory=dict)
    provider_codes: dict[str, list[str]] = Field(default_factory=dict)
    user_message: str | None = None


def judgements(document: dict[str, Any], count: int) -> list[Judgement] | None:
    """The results of an answer about `count` inputs; None if it is no such answer."""
    results = document.get("results")
    if not isinstance(results, list) or len(results) != count:
        return None
    try:
        return [Judgement.model_validate(result, strict=True) for result in results]
    except ValidationError:
        return None


def as_input(message: CheckedMessage) -> list[dict[str, Any]]:
    """A text with its images, as parts that get one result."""
    texts = [{"type": "text", "text": encodable(message.text)}] if message.text.strip() else []
    return [*texts, *({"type": "image_url", "image_url": {"url": image}} for image in message.images)]


def findings(
    judgement: Judgement, message: int, threshold: float | None = None, only: Collection[str] = ()
) -> tuple[Finding, ...]:
    """What a result objects to: the categories that it says apply, or those of at least a score.

    only: the categories that count; none: all. A result that is flagged for no category is one objection all the same,
    and a category without a score applies where the result says so.
    """
    scores = {name: _clamped(score) for name, score in judgement.category_scores.items() if score is not None}
    applying = [name for name, applies in judgement.categories.items() if applies]
    if judgement.flagged and not applying and (threshold is None or not scores):
        return (Finding("moderation/flagged", 1.0, message),)
    if threshold is not None:
        above = [name for name, score in scores.items() if score >= threshold]
        applying = [*above, *(name for name in applying if name not in scores)]
    return tuple(
        Finding(name, scores.get(name) or 1.0, message, provider_code=code)
        for name in applying
        if not only or name in only
        for code in judgement.provider_codes.get(name) or [""]
    )


def as_moderation(judgement: Judgement, kinds: Sequence[InputType]) -> Moderation:
    """A result as it came, with whatever it leaves out. kinds: what was looked at, where it does not tell."""
    scores = [(name, _clamped(score), "") for name, score in judgement.category_scores.items()]
    known = moderation(scores, [], kinds, judgement.user_message).model_dump()
    told: dict[str, Any] = {
        "categories": {name: bool(applies) for name, applies in judgement.categories.items()},
        "category_applied_input_types": {
            name: types for name, types in judgement.category_applied_input_types.items() if types is not None
        },
    }
    merged = {part: known[part] | told.get(part, {}) for part in ("category_scores", *told)}
    return Moderation.model_validate(
        known | merged | {"flagged": judgement.flagged, "provider_codes": judgement.provider_codes}
    )


def encodable(text: str) -> str:
    """Text of as many characters that has no half of a surrogate pair, which is no UTF-8."""
    return text.encode("utf-8", "replace").decode()


def _clamped(score: float | None) -> float:
    return min(1.0, max(0.0, score or 0.0))
