"""Running the suite of a provider's API in the way that was asked for: played, live, or from recordings."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stack.errors import ConfigError
from stack.registry.spec import ProviderSpec
from stack.testing.inference.checks import examined
from stack.testing.inference.making import NO_MODELS, live, played, replayed
from stack.testing.inference.report import dialogue
from stack.testing.inference.subject import Models, Subject
from stack.testing.inference.suite import SUITE
from stack.testing.outcomes import Outcome
from stack.testing.record import recording
from stack.testing.suites import outcomes_of
from stack.testing.target import Target

PLAYED = "in front of a service that the tests play, which says how it passes things on, not what its models can"


@dataclass(frozen=True, slots=True)
class Way:
    """How to examine. recording: a folder to replay; record: one to write while live. facts: of a pytest suite."""

    live: bool = False
    recording: Path | None = None
    record: Path | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    models: Models = NO_MODELS
    environ: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Report:
    """how: what the provider stood in front of, for the page."""

    target: Target
    how: str
    outcomes: list[Outcome]

    @property
    def failed(self) -> bool:
        return any(each.status == "fail" for each in self.outcomes)


def report(target: Target, way: Way) -> Report:
    """Examine one provider. Raises: ConfigError, and what starting the provider raises."""
    spec = target.spec
    if ignored := _ignored(spec, way):
        raise ConfigError(ignored)
    if spec.api == "inference":
        return asyncio.run(_inference(target, way))
    if spec.kind == "remote" and not way.live:
        raise ConfigError(f"the suite of `{spec.api}` runs a remote provider against its real engine: say `--live`")
    how = "at its engine" if spec.kind == "remote" else "as it is"
    return Report(target, how, outcomes_of(target, way.settings, way.facts, way.environ))


def _ignored(spec: ProviderSpec, way: Way) -> str:
    """What was said and would be of no use."""
    if spec.api != "inference":
        said = way.recording or way.record or way.models != NO_MODELS
        return f"recordings and models are for inference: leave them out for `{spec.api}`" if said else ""
    if way.facts:
        return "the suite of `inference` wants to be told nothing: leave `--tell` out"
    is_played = spec.kind == "remote" and not (way.live or way.recording)
    told = "the service that is played has its own models: name others with `--live` or `--recording`"
    return told if is_played and way.models != NO_MODELS else ""


async def _inference(target: Target, way: Way) -> Report:
    with recording(way.record) if way.record else nullcontext():
        async with _subject(target, way) as subject:
            outcomes = []
            for check in SUITE:
                found = await examined(check, subject)
                outcomes.append(Outcome(check.title, found.status, found.note, dialogue(found, subject)))
            return Report(target, _how(target, way, subject), outcomes)


def _subject(target: Target, way: Way) -> AbstractAsyncContextManager[Subject]:
    if way.recording is not None:
        return replayed(target.spec, way.recording, way.settings, target.module, way.models)
    if way.live:
        return live(target.spec, way.settings, target.module, way.environ, way.models)
    return played(target.spec, way.settings, target.module, way.models)


def _how(target: Target, way: Way, subject: Subject) -> str:
    if target.spec.kind == "inline":
        return "as it is"
    if not (way.live or way.recording):
        return PLAYED
    models = subject.models
    asked = sorted({f"`{name}`" for name in (models.chat, models.embedding, models.rerank, models.vision) if name})
    return f"{'at its service' if way.live else 'by recorded answers of its service'}, with {', '.join(asked)}"
