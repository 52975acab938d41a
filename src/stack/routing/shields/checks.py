"""Running shields together, each with its time limit, and what follows from what they find."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from stack.apis.context import request_context
from stack.apis.safety import CheckedMessage, Finding, Safety, ShieldReport
from stack.apis.shields import Shield, ShieldTraits
from stack.errors import ContentBlocked, InvalidRequest, ShieldUnavailable, StackError

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

T = TypeVar("T")

Stage = Literal["input", "output"]
Judging = Literal["last", "new", "each"]
Taken = Literal["allow", "annotate", "mask", "error", "block"]
UNREADABLE = "unreadable_content"
AT_ONCE = 8  # questions to one shield for one request

_running: ContextVar[frozenset[str]] = ContextVar("stack_running_shields", default=frozenset())


@dataclass(frozen=True, slots=True)
class Use:
    """A shield at one place of a model.

    action: what a violation leads to; a finding that nobody can place blocks instead of being masked. on_error: what
    passes if the shield does not answer within `timeout_s`.
    """

    shield: Shield
    action: Literal["block", "mask", "annotate"] = "block"
    on_error: Literal["block", "allow"] = "block"
    timeout_s: float = 10.0


@dataclass(slots=True)
class Outcome:
    """What one shield said of some messages: a report, or why there is none."""

    use: Use
    report: ShieldReport = field(default_factory=ShieldReport)
    error: StackError | None = None
    ms: float = 0.0

    @property
    def blocking(self) -> list[Finding]:
        """The findings for which nothing passes."""
        if not self.report.violates or self.use.action == "annotate":
            return []
        every = self.use.action == "block"
        return [found for found in self.report.findings if every or found.start is None or found.end is None]

    @property
    def masking(self) -> list[Finding]:
        """The findings whose text is replaced."""
        masks = self.report.violates and self.use.action == "mask"
        return list(self.report.findings) if masks else []

    @property
    def categories(self) -> dict[str, float]:
        scores: dict[str, float] = {}
        for found in self.report.findings:
            scores[found.category] = max(found.score, scores.get(found.category, 0.0))
        return scores

    @property
    def taken(self) -> Taken:
        """What this leads to."""
        if self.error is not None:
            return "error" if self.use.on_error == "allow" else "block"
        if self.blocking:
            return "block"
        if self.masking:
            return "mask"
        return "annotate" if self.report.findings else "allow"


async def together(asking: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """The results of coroutines that run at the same time; when one fails, the others are left.

    One alone needs no task, which is most of its cost.
    """
    if len(asking) == 1:
        return [await asking[0]]
    tasks = [asyncio.ensure_future(each) for each in asking]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()


class Checks:
    """The shields at one place of a model."""

    def __init__(self, safety: Safety, uses: Sequence[Use], stage: Stage, log: FilteringBoundLogger) -> None:
        self.uses = uses
        self.stage = stage
        self._safety = safety
        self._log = log

    async def traits(self) -> list[ShieldTraits | Outcome]:
        """What each shield says of itself; of one that cannot, that nothing is known, or why nothing passes."""
        return [await self._traits(use) for use in self.uses]

    async def run(
        self, messages: Sequence[CheckedMessage], about: Sequence[CheckedMessage] = (), *, judging: Judging = "last"
    ) -> list[Outcome]:
        """Ask every shield, all at the same time; an outcome each, in their order.

        about: what was said before, for shields that want to know; findings in it do not count. judging: what is for a
        shield that judges conversations: the last message, all that is new in them (`new_in`), or each message, where
        they are no conversation; other shields judge all of them. Raises: InvalidRequest for images that one does not
        read.
        """
        return await together([self._ask(use, messages, about, judging) for use in self.uses])

    async def _traits(self, use: Use) -> ShieldTraits | Outcome:
        try:
            return await self._described(use)
        except StackError as error:
            return ShieldTraits(window_chars=1) if use.on_error == "allow" else Outcome(use, error=error)

    async def _described(self, use: Use) -> ShieldTraits:
        try:
            return await self._safety.describe_shield(use.shield)
        except InvalidRequest as error:  # its settings are not the caller's
            raise ShieldUnavailable(error.message) from error

    async def _ask(
        self, use: Use, messages: Sequence[CheckedMessage], about: Sequence[CheckedMessage], judging: Judging
    ) -> Outcome:
        began, deadline = time.perf_counter(), request_context.get().deadline
        limit = asyncio.get_running_loop().time() + use.timeout_s
        try:
            async with asyncio.timeout_at(limit if deadline is None else min(limit, deadline)):
                report = await self._report(use, messages, about, judging)
            return Outcome(use, report, ms=_since(began))
        except TimeoutError:
            reason: StackError = ShieldUnavailable(f"it did not answer within {use.timeout_s:g} seconds")
        except StackError as error:
            if error.code == UNREADABLE:
                raise
            reason = error
            if self.stage == "input" and _is_callers_fault(error):
                use = replace(use, on_error="block")  # nobody gets past a shield by what it cannot judge
        except Exception as error:  # a shield's own bug: nothing passes for it
            self._log.exception("shield failed", shield=use.shield.shield_id)
            reason = ShieldUnavailable(f"it failed with {type(error).__name__}")
        return Outcome(use, error=reason, ms=_since(began))

    async def _report(
        self, use: Use, messages: Sequence[CheckedMessage], about: Sequence[CheckedMessage], judging: Judging
    ) -> ShieldReport:
        shield_id = use.shield.shield_id
        if shield_id in _running.get():
            raise ShieldUnavailable(f"`{shield_id}` asks a model that it guards itself: give it another model")
        traits = await self._described(use)
        if not traits.reads_images:
            if any(message.images for message in messages):
                said = f"the shield `{shield_id}` of this model reads text alone: send no images"
                raise InvalidRequest(said, code="unreadable_content")
            about = [replace(message, images=()) for message in about]
        token = _running.set(_running.get() | {shield_id})
        try:
            if traits.wants_conversation and judging == "new":
                return await self._each(use, new_in(messages), lambda index: messages[: index + 1])
            if traits.wants_conversation and (judging == "each" or about):
                return await self._each(use, range(len(messages)), lambda index: [*about, messages[index]])
            return await self._safety.run_shield(use.shield, messages)
        finally:
            _running.reset(token)

    async def _each(
        self, use: Use, indices: Sequence[int], shown: Callable[[int], Sequence[CheckedMessage]]
    ) -> ShieldReport:
        """A report of messages that are judged one by one, some at a time: of each, what is shown, itself the last."""
        room = asyncio.Semaphore(AT_ONCE)

        async def one(index: int) -> tuple[ShieldReport, list[Finding]]:
            async with room:
                messages = shown(index)
                report = await self._safety.run_shield(use.shield, messages)
            return report, [replace(f, message=index) for f in report.findings if f.message == len(messages) - 1]

        judged = await together([one(index) for index in indices])
        gravest = max((report for report, _ in judged), key=lambda report: report.violates, default=ShieldReport())
        return replace(gravest, findings=tuple(found for _, findings in judged for found in findings))


def new_in(messages: Sequence[CheckedMessage]) -> list[int]:
    """Which messages of a conversation are new: what the model is told to be, and all since its last answer.

    An answer that nothing follows is none: somebody else began it. Blank messages are left out.
    """
    roles = [message.role for message in messages]
    answered = max((at for at in range(1, len(roles)) if roles[at - 1] == "assistant" != roles[at]), default=0)
    return [
        index
        for index, message in enumerate(messages)
        if (index >= answered or message.role in ("system", "developer")) and (message.text.strip() or message.images)
    ]


def _since(began: float) -> float:
    """Milliseconds; the clock of some event loops is too coarse for them."""
    return (time.perf_counter() - began) * 1000


def refusal(outcomes: Sequence[Outcome], stage: Stage, param: str | None = None) -> StackError | None:
    """Why nothing passes, if so: what a shield found comes before what kept another from looking."""
    for outcome in outcomes:
        if outcome.blocking:
            what = "request" if stage == "input" else "answer"
            names = ", ".join(f"`{name}`" for name in outcome.categories)
            told = outcome.report.user_message
            said = f"the shield `{outcome.use.shield.shield_id}` objects to the {what}: {names}"
            return ContentBlocked(
                f"{said} ({told})" if told else said,
                shield_id=outcome.use.shield.shield_id,
                stage=stage,
                categories=outcome.categories,
                param=param,
            )
    for outcome in outcomes:
        if outcome.error is not None and outcome.use.on_error == "block":
            return outcome.error if _is_callers_fault(outcome.error) else unavailable(outcome.use, outcome.error)
    return None


def unavailable(use: Use, error: StackError) -> ShieldUnavailable:
    """A shield that could not be asked, and why."""
    return ShieldUnavailable(
        f"the shield `{use.shield.shield_id}` cannot check this, so it does not pass: {error.message}"
    )


def _is_callers_fault(error: StackError) -> bool:
    """A shield that cannot judge such input (too long, an odd image) says so by exactly this class."""
    return type(error) is InvalidRequest
