"""Safety: shields that check what goes to a model and what comes back, and OpenAI's moderations over them.

A provider finds; what follows from a finding (block, mask, annotate) is for whoever asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Protocol

from pydantic import Field

from stack.apis.moderations import (
    InputType,
    Moderation,
    ModerationImage,
    ModerationRequest,
    ModerationResponse,
    moderation,
    moderation_response,
)
from stack.apis.shapes import Items
from stack.apis.shields import Shield, ShieldTraits
from stack.apis.wire import WireModel
from stack.errors import Unsupported

__all__ = [
    "CheckedMessage",
    "Finding",
    "ModerationRequest",
    "ModerationResponse",
    "RunShieldRequest",
    "RunShieldResponse",
    "Safety",
    "SafetyViolation",
    "Shield",
    "ShieldReport",
    "ShieldTraits",
    "VerdictList",
    "VerdictObject",
]

Level = Literal["info", "warn", "error"]


@dataclass(frozen=True, slots=True)
class CheckedMessage:
    """One message to check. text: all of its text, parts on lines of their own; images: addresses or `data:` URLs."""

    role: str
    text: str
    images: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a shield objects to.

    category: OpenAI's name where there is one (`hate/threatening`), else the shield's (`pii/email`); a provider's code
    that means several of them is several findings. score: 0 to 1. message: which of those that were handed over.
    start, end: the characters of its text, end exclusive; None: all of it, or an image. replacement: what stands in
    their place where they are masked; None: a word for the category. provider_code: what the provider calls it (`S10`).
    """

    category: str
    score: float = 1.0
    message: int = 0
    start: int | None = None
    end: int | None = None
    replacement: str | None = None
    provider_code: str = ""

    @property
    def mask(self) -> str:
        """What stands in place of the text that was found."""
        return f"[{self.category}]" if self.replacement is None else self.replacement


@dataclass(frozen=True, slots=True)
class ShieldReport:
    """What a shield found; nothing, for text that it has no objection to.

    level: `error` asks for action; `warn` and `info` are noted and nothing else. user_message: what the user may be
    told, without the text itself. metadata: JSON of the provider's own, without the text either.
    """

    findings: tuple[Finding, ...] = ()
    level: Level = "error"
    user_message: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def violates(self) -> bool:
        """Whether action is asked for."""
        return bool(self.findings) and self.level == "error"


class Safety(Protocol):
    """Checks of text and images.

    A check that cannot be made is an error, never an empty report: UpstreamError or a StackError of status 503 where
    the provider or what it needs does not answer, InvalidRequest where this input cannot be judged (too long, an image
    in an unknown format).
    """

    async def describe_shield(self, shield: Shield) -> ShieldTraits:
        """What this provider makes of a shield, without asking anybody. Raises: InvalidRequest for bad `params`."""
        raise Unsupported("shields are not supported by this provider")

    async def run_shield(self, shield: Shield, messages: Sequence[CheckedMessage]) -> ShieldReport:
        """Check messages, oldest first; any number of them, also none, and any text, also empty.

        A shield that `wants_conversation` judges the last one, in the light of those before; any other shield judges
        each by itself. What takes the processor for more than 5 ms runs in a thread.
        """
        raise Unsupported("running shields is not supported by this provider")

    async def run_moderation(self, shield: Shield, request: ModerationRequest) -> ModerationResponse:
        """Judge each input. Unless a provider has something better: the findings of the shield, as judgements."""
        results: list[Moderation] = []
        for message in moderated(request):
            results.append(await self._moderate(shield, message))
            await asyncio.sleep(0)  # a shield that judges a short text at once lets nobody else in
        return moderation_response(shield.shield_id, results)

    async def _moderate(self, shield: Shield, message: CheckedMessage) -> Moderation:
        report = await self.run_shield(shield, [message])
        given: dict[InputType, object] = {"text": message.text, "image": message.images}
        kinds = [kind for kind, content in given.items() if content]
        scores = [(found.category, found.score, found.provider_code) for found in report.findings]
        flagged = {found.category for found in report.findings} if report.violates else set()
        return moderation(scores, flagged, kinds, report.user_message or None)


def moderated(request: ModerationRequest) -> list[CheckedMessage]:
    """The inputs of a request, one per result: texts by themselves, parts together."""
    given = [request.input] if isinstance(request.input, str) else request.input
    texts = [each for each in given if isinstance(each, str)]
    if texts:
        return [CheckedMessage("user", text) for text in texts]
    images = tuple(each.image_url.url for each in given if isinstance(each, ModerationImage))
    text = "\n".join(each.text for each in given if not isinstance(each, str | ModerationImage))
    return [CheckedMessage("user", text, images)]


class RunShieldRequest(WireModel):
    """Messages to check, in the shape of chat messages. params: Llama Stack's clients send an empty one."""

    shield_id: str
    messages: Annotated[Items[dict[str, Any]], Field(min_length=1, max_length=2048)]
    params: dict[str, Any] | None = None


class FindingObject(WireModel):
    """A `Finding` on the wire."""

    category: str
    score: float
    message: int
    start: int | None
    end: int | None
    replacement: str
    provider_code: str


class SafetyViolation(WireModel):
    """What a shield objects to; `metadata` holds what Llama Stack's clients look for there."""

    violation_level: Level
    user_message: str | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)
    categories: dict[str, float] = Field(default_factory=dict)
    findings: Items[FindingObject] = Field(default_factory=list)


class RunShieldResponse(WireModel):
    """violation: None where there is nothing to object to."""

    violation: SafetyViolation | None = None

    @classmethod
    def of(cls, report: ShieldReport) -> RunShieldResponse:
        if not report.findings:
            return cls(violation=None)
        scores: dict[str, float] = {}
        for found in report.findings:
            scores[found.category] = max(found.score, scores.get(found.category, 0.0))
        findings = [
            FindingObject(
                category=found.category,
                score=found.score,
                message=found.message,
                start=found.start,
                end=found.end,
                replacement=found.mask,
                provider_code=found.provider_code,
            )
            for found in report.findings
        ]
        return cls(
            violation=SafetyViolation(
                violation_level=report.level,
                user_message=report.user_message or None,
                metadata={"violation_type": ",".join(sorted(scores)), **report.metadata},
                categories=scores,
                findings=findings,
            )
        )


class VerdictObject(WireModel):
    """What one shield said of one request or answer, without its text; ms is the time of all its `checks`."""

    created: float
    request_id: str
    model: str
    stage: Literal["input", "output"]
    shield_id: str
    provider_id: str
    action: Literal["allow", "annotate", "mask", "error", "block"]
    level: Level | None
    category: str | None
    score: float | None
    categories: dict[str, float]
    error: str | None
    checks: int
    ms: float


class VerdictList(WireModel):
    """The latest verdicts of one process, the newest first."""

    data: Items[VerdictObject]
