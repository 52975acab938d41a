"""Safety as callers ask for it: shields run by their ids, moderations, the trail of verdicts."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING, get_args

from stack.apis.context import request_context
from stack.apis.moderations import ModerationRequest, ModerationResponse, OpenAIModel
from stack.apis.safety import RunShieldRequest, RunShieldResponse, VerdictList, VerdictObject, moderated
from stack.apis.shields import Shield
from stack.errors import InvalidRequest, NotFound, RequestError, ShieldUnavailable, StackError, UnsupportedParameter
from stack.routing.safety import SafetyRouter
from stack.routing.shields.checks import Checks, Use, refusal, unavailable
from stack.routing.shields.requests import read_messages
from stack.routing.shields.trail import Trail
from stack.services.shields import ShieldsService

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

MOST_INPUTS = 2048  # of one request for moderation
LONGEST_CHECK_S = 600.0  # where a request has no deadline of its own


class SafetyService:
    """Answers what is asked of shields beside the models that they guard.

    default_shield_id: the shield of moderations that name none; empty: the first there is.
    """

    def __init__(
        self,
        router: SafetyRouter,
        shields: ShieldsService,
        trail: Trail,
        default_shield_id: str,
        log: FilteringBoundLogger,
    ) -> None:
        self.shields = shields
        self._router = router
        self._trail = trail
        self._default = default_shield_id
        self._log = log

    async def run_shield(self, asked: RunShieldRequest) -> RunShieldResponse:
        """What a shield says of messages. Raises: NotFound, InvalidRequest, ShieldUnavailable."""
        shield = await self.shields.find(asked.shield_id)
        if asked.params:
            message = "`params` belong to the shield: set them where it is registered, and leave them out here"
            raise UnsupportedParameter(message, param="params")
        messages = [passage.message() for passage in read_messages(asked.messages)]
        use = Use(shield, action="annotate", timeout_s=LONGEST_CHECK_S)
        outcomes = await Checks(self._router, [use], "input", self._log).run(messages)
        if error := refusal(outcomes, "input"):
            raise error
        return RunShieldResponse.of(outcomes[0].report)

    async def moderate(self, request: ModerationRequest) -> ModerationResponse:
        """OpenAI's moderations by a shield. Raises: NotFound, InvalidRequest, Unsupported, ShieldUnavailable."""
        if not isinstance(request.input, str) and len(request.input) > MOST_INPUTS:
            raise InvalidRequest(f"`input` has {len(request.input)} entries: send at most {MOST_INPUTS}", param="input")
        shield = await self._judge(request.model)
        use = Use(shield)
        try:
            async with asyncio.timeout_at(request_context.get().deadline):
                traits = await self._router.describe_shield(shield)
                if not traits.reads_images and any(message.images for message in moderated(request)):
                    said = f"the shield `{shield.shield_id}` reads text alone: send no images"
                    raise InvalidRequest(said, param="input", code="unreadable_content")
                return await self._router.run_moderation(shield, request)
        except TimeoutError:
            raise unavailable(use, ShieldUnavailable("it did not answer in time")) from None
        except RequestError:
            raise
        except StackError as error:
            raise unavailable(use, error) from error

    def verdicts(self, limit: int, shield_id: str | None) -> VerdictList:
        """The latest verdicts of this process, the newest first."""
        found = (verdict for verdict in self._trail.latest() if shield_id in (None, verdict.shield_id))
        told = [
            VerdictObject(**asdict(verdict), category=verdict.category, score=verdict.score)
            for _, verdict in zip(range(limit), found, strict=False)
        ]
        return VerdictList(data=told)

    async def _judge(self, model: str | None) -> Shield:
        """The shield that a request for moderation means."""
        shields = {shield.shield_id: shield for shield in await self.shields.all()}
        wanted = model or self._default
        if found := shields.get(wanted):
            return found
        if model:
            if named := [shield for shield in shields.values() if shield.provider_shield_id == model]:
                return named[0]
            if model not in get_args(OpenAIModel):
                self._router.find(model, param="model")
        if found := shields.get(self._default) or next(iter(shields.values()), None):
            return found
        raise NotFound("there is no shield: add one under `shields`", param="model", code="shield_not_found")
