"""The routes of safety: shields, moderations, the trail of verdicts."""

from __future__ import annotations

from fastapi import Request, Response
from pydantic import BaseModel, Field

from stack.apis.moderations import ModerationRequest, ModerationResponse
from stack.apis.safety import RunShieldRequest, RunShieldResponse, VerdictList
from stack.apis.shields import ShieldDeleted, ShieldList, ShieldObject, ShieldRegistration
from stack.server.endpoint import Endpoint, json_response, read_body, read_query
from stack.server.requests import Gate
from stack.services.safety import SafetyService

_ASKED = ("404", "413", "415", "502")


class VerdictsQuery(BaseModel):
    """Which verdicts to tell, the newest first."""

    limit: int = Field(100, ge=1, le=100_000)
    shield_id: str | None = None


class SafetyRoutes:
    """The shields of one stack over HTTP."""

    def __init__(self, service: SafetyService, gate: Gate) -> None:
        self._service = service
        self._gate = gate

    async def run_shield(self, request: Request) -> Response:
        """Run a shield on messages."""
        asked = await read_body(self._gate, request, RunShieldRequest)
        return json_response(await self._service.run_shield(asked))

    async def moderate(self, request: Request) -> Response:
        """Judge texts and images by OpenAI's categories."""
        asked = await read_body(self._gate, request, ModerationRequest)
        return json_response(await self._service.moderate(asked))

    async def verdicts(self, request: Request) -> Response:
        """What shields decided lately, in this process."""
        query = read_query(request, VerdictsQuery)
        return json_response(self._service.verdicts(query.limit, query.shield_id))

    async def list_shields(self) -> Response:
        """Every shield."""
        shields = await self._service.shields.all()
        return json_response(ShieldList(data=[ShieldObject.of(shield) for shield in shields]))

    async def retrieve_shield(self, identifier: str) -> Response:
        """One shield."""
        return json_response(ShieldObject.of(await self._service.shields.find(identifier)))

    async def register_shield(self, request: Request) -> Response:
        """Register a shield."""
        asked = await read_body(self._gate, request, ShieldRegistration)
        return json_response(ShieldObject.of(await self._service.shields.register(asked)))

    async def remove_shield(self, identifier: str) -> Response:
        """Remove a shield that was registered while the stack ran."""
        await self._service.shields.remove(identifier)
        return json_response(ShieldDeleted(id=identifier))


def safety_endpoints(service: SafetyService, gate: Gate) -> list[Endpoint]:
    """The routes below `/v1/safety`, `/v1/shields` and `/v1/moderations`."""
    routes = SafetyRoutes(service, gate)
    tag, one = "safety", "/shields/{identifier:path}"
    return [
        Endpoint(
            "POST",
            "/safety/run-shield",
            routes.run_shield,
            tag,
            request=RunShieldRequest,
            answer=RunShieldResponse,
            errors=_ASKED,
        ),
        Endpoint("GET", "/safety/verdicts", routes.verdicts, tag, query=VerdictsQuery, answer=VerdictList),
        Endpoint(
            "POST",
            "/moderations",
            routes.moderate,
            tag,
            request=ModerationRequest,
            answer=ModerationResponse,
            errors=_ASKED,
        ),
        Endpoint("GET", "/shields", routes.list_shields, tag, answer=ShieldList),
        Endpoint(
            "POST",
            "/shields",
            routes.register_shield,
            tag,
            request=ShieldRegistration,
            answer=ShieldObject,
            errors=(*_ASKED, "409"),
        ),
        Endpoint("GET", one, routes.retrieve_shield, tag, answer=ShieldObject, errors=("404",)),
        Endpoint("DELETE", one, routes.remove_shield, tag, answer=ShieldDeleted, errors=("404", "409")),
    ]
