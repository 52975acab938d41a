"""The safety router: a `Safety` that hands each check to the provider of its shield."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from stack.apis.moderations import ModerationRequest, ModerationResponse
from stack.apis.safety import CheckedMessage, Safety, ShieldReport
from stack.apis.shields import Shield, ShieldTraits
from stack.errors import NotFound, UpstreamError, nearest, quoted, shortened
from stack.routing.instance import Instance


class SafetyRouter(Safety):
    """Picks the provider by `shield_id`: whatever else a caller says of a shield is not looked at."""

    def __init__(self, instances: Sequence[Instance[Safety]], shields: Iterable[Shield] = ()) -> None:
        self.instances = {instance.provider_id: instance for instance in instances}
        self._shields = {shield.shield_id: shield for shield in shields}
        self._traits: dict[str, ShieldTraits] = {}  # asked for at every check

    def shields(self) -> list[Shield]:
        """Every shield."""
        return list(self._shields.values())

    def find(self, shield_id: str, param: str = "shield_id") -> Shield:
        """A shield by its id, which the request says in `param`. Raises: NotFound naming the nearest."""
        if (found := self._shields.get(shield_id)) is None:
            known = nearest(shield_id, self._shields) or list(self._shields)[:3]
            hint = f"did you mean {quoted(known)}?" if known else "none is configured"
            message = f"the shield `{shortened(shield_id)}` does not exist: {hint}"
            raise NotFound(message, param=param, code="shield_not_found")
        return found

    def place(self, shield: Shield) -> None:
        """From now on there is this shield, in place of one with the same id."""
        self._traits.pop(shield.shield_id, None)
        self._shields[shield.shield_id] = shield

    def displace(self, shield_id: str) -> None:
        """Forget a shield."""
        self._traits.pop(shield_id, None)
        self._shields.pop(shield_id, None)

    async def describe_shield(self, shield: Shield) -> ShieldTraits:
        if (traits := self._traits.get(shield.shield_id)) is None:
            found, instance = self._target(shield)
            traits = self._traits[shield.shield_id] = await instance.answer().describe_shield(found)
        return traits

    async def run_shield(self, shield: Shield, messages: Sequence[CheckedMessage]) -> ShieldReport:
        found, instance = self._target(shield)
        try:
            report = await instance.answer().run_shield(found, messages)
        except UpstreamError as error:
            instance.failed_to_answer(error)
            raise
        instance.works()
        return report

    async def run_moderation(self, shield: Shield, request: ModerationRequest) -> ModerationResponse:
        found, instance = self._target(shield)
        try:
            answer = await instance.answer().run_moderation(found, request)
        except UpstreamError as error:
            instance.failed_to_answer(error)
            raise
        instance.works()
        return answer

    def instance(self, provider_id: str) -> Instance[Safety]:
        """A provider of this stack. Raises: NotFound naming those that there are."""
        if (found := self.instances.get(provider_id)) is None:
            known = nearest(provider_id, list(self.instances)) or list(self.instances)
            there = f"there are {quoted(known)}" if known else "there is none"
            message = f"no safety provider has the id `{shortened(provider_id)}`: {there}"
            raise NotFound(message, param="provider_id")
        return found

    def _target(self, shield: Shield) -> tuple[Shield, Instance[Safety]]:
        found = self.find(shield.shield_id)
        return found, self.instance(found.provider_id)
