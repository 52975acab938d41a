"""Guardrails of Amazon Bedrock: what is sent to be checked, and what the assessments mean.

Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ApplyGuardrail.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError

from stack.apis.safety import CheckedMessage, Finding

INTERVENED = "GUARDRAIL_INTERVENED"

_FILTERS: Mapping[str, str] = {
    "HATE": "hate",
    "INSULTS": "harassment",
    "MISCONDUCT": "illicit",
    "PROMPT_ATTACK": "bedrock/prompt-attack",
    "SEXUAL": "sexual",
    "VIOLENCE": "violence",
}
_CONFIDENCE: Mapping[str, float] = {"HIGH": 0.95, "MEDIUM": 0.7, "LOW": 0.4}
_IMAGE = re.compile(r"data:image/(png|jpe?g);base64,([A-Za-z0-9+/=\s]+)", re.IGNORECASE)


class _Item(BaseModel):
    """An entry of any policy. action: NONE where a guardrail is set to detect alone."""

    action: str = "BLOCKED"
    detected: bool = True
    type: str = ""
    name: str = ""
    match: str = ""
    confidence: str = ""
    score: float | None = None


class _Filters(BaseModel):
    filters: list[_Item] = Field(default_factory=list)


class _Topics(BaseModel):
    topics: list[_Item] = Field(default_factory=list)


class _Words(BaseModel):
    custom: list[_Item] = Field(default_factory=list, alias="customWords")
    managed: list[_Item] = Field(default_factory=list, alias="managedWordLists")


class _Sensitive(BaseModel):
    entities: list[_Item] = Field(default_factory=list, alias="piiEntities")
    regexes: list[_Item] = Field(default_factory=list)


class _Assessment(BaseModel):
    content: _Filters = Field(default_factory=_Filters, alias="contentPolicy")
    grounding: _Filters = Field(default_factory=_Filters, alias="contextualGroundingPolicy")
    topics: _Topics = Field(default_factory=_Topics, alias="topicPolicy")
    words: _Words = Field(default_factory=_Words, alias="wordPolicy")
    sensitive: _Sensitive = Field(default_factory=_Sensitive, alias="sensitiveInformationPolicy")


class Assessed(BaseModel):
    """An answer. action: whether the guardrail stepped in; anything that is found beside it is only noted."""

    action: Literal["NONE", "GUARDRAIL_INTERVENED"]
    assessments: list[_Assessment]


def to_native(message: CheckedMessage) -> dict[str, Any] | None:
    """A message as content to check; None if it has an image that is no PNG or JPEG in a `data:` URL."""
    text = message.text.encode("utf-8", "replace").decode()
    content: list[dict[str, Any]] = [{"text": {"text": text}}] if text.strip() else []
    for image in message.images:
        if (found := _IMAGE.fullmatch(image)) is None:
            return None
        kind = "png" if found[1].lower() == "png" else "jpeg"
        content.append({"image": {"format": kind, "source": {"bytes": re.sub(r"\s", "", found[2])}}})
    return {"source": "OUTPUT" if message.role == "assistant" else "INPUT", "content": content}


def from_native(document: dict[str, Any]) -> Assessed | None:
    """What an answer tells; None if it is none."""
    try:
        return Assessed.model_validate(document)
    except ValidationError:
        return None


def findings(assessed: Assessed, message: CheckedMessage, index: int) -> tuple[Finding, ...]:
    """What a guardrail objects to; where it did not step in, what it would have.

    Texts that it quotes are found again in the message; one that is not there stands for all of it.
    """
    stepped_in = assessed.action == INTERVENED
    found = [
        finding
        for assessment in assessed.assessments
        for item, category in _items(assessment)
        if item.detected and (item.action != "NONE" or not stepped_in)
        for finding in _placed(item, category, message.text, index)
    ]
    if stepped_in and not found:  # for a policy that we do not know
        return (Finding("bedrock/guardrail", 1.0, index),)
    return tuple(dict.fromkeys(found))


def _items(assessment: _Assessment) -> Iterator[tuple[_Item, str]]:
    for item in assessment.content.filters:
        yield item, _FILTERS.get(item.type, f"bedrock/{_slug(item.type)}")
    for item in assessment.grounding.filters:
        yield item, f"bedrock/{_slug(item.type)}"
    for item in assessment.topics.topics:
        yield item, "bedrock/topic"
    for item in assessment.words.custom:
        yield item, "bedrock/word"
    for item in assessment.words.managed:
        yield item, f"bedrock/{_slug(item.type)}"
    for item in assessment.sensitive.entities:
        yield item, f"pii/{_slug(item.type)}"
    for item in assessment.sensitive.regexes:
        yield item, "bedrock/regex"


def _placed(item: _Item, category: str, text: str, index: int) -> Iterator[Finding]:
    code = item.name or item.type
    score = _CONFIDENCE.get(item.confidence, 1.0)
    if item.score is not None:  # how well an answer is grounded: the less, the surer
        score = min(1.0, max(0.0, 1.0 - item.score))
    replacement = f"{{{code}}}" if item.action == "ANONYMIZED" else None
    places: list[tuple[int, int] | tuple[None, None]] = []
    if item.match:
        places += [match.span() for match in re.finditer(re.escape(item.match), text, re.IGNORECASE)]
    for start, end in places or [(None, None)]:
        yield Finding(category, score, index, start, end, replacement, code)


def _slug(kind: str) -> str:
    return kind.lower().replace("_", "-") or "other"
