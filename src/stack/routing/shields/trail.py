"""The trail of verdicts: in the log, in a header, and the latest of them for operators. It never holds the text."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stack.apis.context import request_context
from stack.apis.safety import Level
from stack.routing.shields.checks import Outcome, Stage, Taken

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

HEADER = "x-stack-shields"
_LONGEST_HEADER = 2_000
_SEVERITY: dict[Taken, int] = {"allow": 0, "annotate": 1, "mask": 2, "error": 3, "block": 4}


@dataclass(slots=True)
class Verdict:
    """What one shield said of one request or answer, and what was done.

    action: `error` where the shield did not answer. categories: the highest score of each that was found. checks: how
    often it was asked, more than once in a stream; ms: how long all of that took.
    """

    shield_id: str
    provider_id: str
    stage: Stage
    action: Taken = "allow"
    level: Level | None = None
    categories: dict[str, float] = field(default_factory=dict)
    error: str | None = None
    checks: int = 0
    ms: float = 0.0
    model: str = ""
    request_id: str = ""
    created: float = 0.0

    @property
    def category(self) -> str | None:
        """The category that it is surest of."""
        return max(self.categories, key=lambda each: self.categories[each], default=None)

    @property
    def score(self) -> float | None:
        return max(self.categories.values(), default=None)

    def add(self, outcome: Outcome) -> None:
        """Take one more check into account."""
        self.checks += 1
        self.ms += outcome.ms
        if _SEVERITY[outcome.taken] > _SEVERITY[self.action]:
            self.action = outcome.taken
        if outcome.report.findings:
            self.level = outcome.report.level
        if outcome.error is not None:
            self.error = outcome.error.code
        for category, score in outcome.categories.items():
            self.categories[category] = max(score, self.categories.get(category, 0.0))

    def as_item(self) -> str:
        """`pii;stage=input;action=mask;category=pii/email;score=0.98;ms=1.2`, the header's word for it."""
        action = self.action if self.checks else "pending"  # of a stream that has only begun
        found = f";category={self.category};score={self.score:.2f}" if self.category else ""
        return f"{self.shield_id};stage={self.stage};action={action}{found};ms={self.ms:.1f}"


class Trail:
    """The verdicts of one process, the latest `kept` of them."""

    def __init__(self, log: FilteringBoundLogger, kept: int = 1_000) -> None:
        self._log = log
        self._latest: deque[Verdict] = deque(maxlen=kept)

    def note(self, verdict: Verdict, model: str) -> None:
        """Remember a verdict, and log it."""
        verdict.model, verdict.created = model, time.time()
        verdict.request_id = request_context.get().request_id
        self._latest.append(verdict)
        self._log.info(
            "shield verdict",
            request_id=verdict.request_id,
            model=model,
            shield=verdict.shield_id,
            provider=verdict.provider_id,
            stage=verdict.stage,
            action=verdict.action,
            category=verdict.category,
            score=verdict.score,
            error=verdict.error,
            checks=verdict.checks,
            ms=round(verdict.ms, 2),
        )

    def latest(self) -> list[Verdict]:
        """What is remembered, the newest first."""
        return list(reversed(self._latest))


def header_of(verdicts: Iterable[Verdict]) -> str:
    """The value of the header; what does not fit into it is left out."""
    value = ""
    for item in (verdict.as_item() for verdict in verdicts):
        longer = f"{value}, {item}" if value else item
        if len(longer) > _LONGEST_HEADER:
            return f"{value}, ..."
        value = longer
    return value
