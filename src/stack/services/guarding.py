"""From what run.yaml says of shields on models to the guards that the router puts around them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from stack.config.models import ModelEntry
from stack.config.shields import ShieldUse
from stack.routing.safety import SafetyRouter
from stack.routing.shields.checks import Checks, Stage, Use
from stack.routing.shields.guard import Guard, Guards, folded
from stack.routing.shields.trail import Trail

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger


def guards_of(
    models: Iterable[ModelEntry], safety: SafetyRouter, trail: Trail, log: FilteringBoundLogger
) -> Guards | None:
    """The guards of all models; None where no model has any, so that nothing is looked up.

    Whoever names a guarded model as its provider does goes through the shields of every entry that leads there.
    """
    named: dict[str, Guard | None] = {}
    behind: dict[tuple[str, str], tuple[list[ShieldUse], list[ShieldUse]]] = {}

    def guard(entering: Sequence[ShieldUse], leaving: Sequence[ShieldUse]) -> Guard:
        def checks(uses: Sequence[ShieldUse], stage: Stage) -> Checks | None:
            made = [Use(safety.find(use.shield_id), use.action, use.on_error, use.timeout_s) for use in uses]
            return Checks(safety, made, stage, log) if made else None

        return Guard(checks(entering, "input"), checks(leaving, "output"), trail)

    for entry in models:
        shields = entry.shields
        if shields is None or not (shields.input or shields.output):
            named[entry.model_id] = None
            continue
        named[entry.model_id] = guard(shields.input, shields.output)
        target = folded(entry.provider_id, entry.provider_model_id)
        entering, leaving = behind.setdefault(target, ([], []))
        entering += [use for use in shields.input if use not in entering]
        leaving += [use for use in shields.output if use not in leaving]
    if not behind:
        return None
    return Guards(named, {target: guard(*uses) for target, uses in behind.items()})
