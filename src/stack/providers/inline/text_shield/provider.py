"""A provider whose shields read text by themselves, each with settings of its own in `params`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Generic, Protocol, TypeVar

from pydantic import ValidationError

from stack.apis.safety import CheckedMessage, Finding, Safety, ShieldReport
from stack.apis.shields import Shield, ShieldTraits
from stack.apis.validation import invalid_request
from stack.registry.spec import Deps, Provider, ProviderConfig

QUICK_CHARS = 2_000  # judged in less than a few milliseconds


class Detector(Protocol):
    """Settings, ready to be searched by."""

    @property
    def traits(self) -> ShieldTraits: ...

    def findings(self, text: str) -> Iterable[Finding]:
        """What is found in one text."""


D = TypeVar("D", bound=Detector)


class TextShield(Provider, Safety, Generic[D]):
    """What the detectors have in common. user_message: what a user may be told of any finding."""

    user_message = "This is not allowed here."

    def __init__(self, config: ProviderConfig, deps: Deps) -> None:
        super().__init__(config, deps)
        self._detectors: dict[str, tuple[Mapping[str, Any], D]] = {}

    async def initialize(self) -> None:
        """Raises: InvalidRequest for settings that no shield could have, MissingPackage."""
        await asyncio.to_thread(self.detector, Shield(self.deps.provider_id))

    def made_of(self, config: Any) -> D:
        """The detector for settings."""
        raise NotImplementedError

    async def describe_shield(self, shield: Shield) -> ShieldTraits:
        return self.detector(shield).traits

    async def run_shield(self, shield: Shield, messages: Sequence[CheckedMessage]) -> ShieldReport:
        detector = self.detector(shield)
        if sum(len(message.text) for message in messages) <= QUICK_CHARS:
            findings = found_in(detector, messages)
        else:
            findings = await asyncio.to_thread(found_in, detector, messages)
        return ShieldReport(findings, user_message=self.user_message if findings else "")

    def detector(self, shield: Shield) -> D:
        """The detector of a shield, whose `params` stand in place of the provider's own settings."""
        params, made = self._detectors.get(shield.shield_id, (None, None))
        if made is None or params != shield.params:
            try:
                config = type(self.config).model_validate(self.config.model_dump() | dict(shield.params))
            except ValidationError as error:
                raise invalid_request(error) from None
            made = self.made_of(config)
            self._detectors[shield.shield_id] = shield.params, made
        return made


def found_in(detector: Detector, messages: Sequence[CheckedMessage]) -> tuple[Finding, ...]:
    """What is found in each message, told with its index."""
    return tuple(
        replace(found, message=index) for index, each in enumerate(messages) for found in detector.findings(each.text)
    )
