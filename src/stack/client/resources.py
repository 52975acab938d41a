"""What a stack answers beyond OpenAI's API, as namespaces of the client: `providers` and `inspect`."""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import quote

from openai import AsyncOpenAI, BaseModel, OpenAI


class Health(BaseModel):
    """Whether something works: `OK`, `Error` or `Not Implemented`, and why."""

    status: str
    message: str | None = None


class ProviderTrouble(BaseModel):
    """A provider that failed to start or does not answer, and why."""

    provider_id: str
    status: Literal["unavailable", "failed"]
    reason: str


class Readiness(BaseModel):
    """`degraded`: some providers do not work; they are named to callers with a key."""

    status: Literal["ready", "degraded"]
    providers: list[ProviderTrouble] | None = None


class Provider(BaseModel):
    """One configured provider. `config` comes without its secrets; `reason` tells why the status is what it is."""

    api: str
    provider_id: str
    provider_type: str
    config: dict[str, Any]
    health: Health
    status: Literal["available", "degraded", "unavailable", "failed"]
    reason: str | None = None


class Version(BaseModel):
    """The version of the package that answers."""

    version: str


class Route(BaseModel):
    """One path and method that the stack answers, and the types of the providers behind it."""

    route: str
    method: str
    provider_types: list[str]


class _ProviderList(BaseModel):
    data: list[Provider]


class _RouteList(BaseModel):
    data: list[Route]


class Providers:
    """The providers behind the stack."""

    def __init__(self, client: OpenAI) -> None:
        self._client = client

    def list(self) -> list[Provider]:
        """Every configured provider, those that failed to start included."""
        return self._client.get("/providers", cast_to=_ProviderList).data

    def retrieve(self, provider_id: str) -> Provider:
        """One provider. Raises openai.NotFoundError."""
        return self._client.get(_provider_path(provider_id), cast_to=Provider)


class AsyncProviders:
    """The providers behind the stack."""

    def __init__(self, client: AsyncOpenAI) -> None:
        self._client = client

    async def list(self) -> list[Provider]:
        """Every configured provider, those that failed to start included."""
        return (await self._client.get("/providers", cast_to=_ProviderList)).data

    async def retrieve(self, provider_id: str) -> Provider:
        """One provider. Raises openai.NotFoundError."""
        return await self._client.get(_provider_path(provider_id), cast_to=Provider)


class Inspect:
    """The stack itself."""

    def __init__(self, client: OpenAI) -> None:
        self._client = client

    def health(self) -> Health:
        """Whether the stack answers at all; its providers have their own."""
        return self._client.get("/health", cast_to=Health)

    def ready(self) -> Readiness:
        """Whether requests should be sent there. Raises openai.InternalServerError while it starts and stops."""
        return self._client.get("/health/ready", cast_to=Readiness)

    def version(self) -> Version:
        """What is running."""
        return self._client.get("/version", cast_to=Version)

    def routes(self) -> list[Route]:
        """Every route that is served."""
        return self._client.get("/inspect/routes", cast_to=_RouteList).data


class AsyncInspect:
    """The stack itself."""

    def __init__(self, client: AsyncOpenAI) -> None:
        self._client = client

    async def health(self) -> Health:
        """Whether the stack answers at all; its providers have their own."""
        return await self._client.get("/health", cast_to=Health)

    async def ready(self) -> Readiness:
        """Whether requests should be sent there. Raises openai.InternalServerError while it starts and stops."""
        return await self._client.get("/health/ready", cast_to=Readiness)

    async def version(self) -> Version:
        """What is running."""
        return await self._client.get("/version", cast_to=Version)

    async def routes(self) -> list[Route]:
        """Every route that is served."""
        return (await self._client.get("/inspect/routes", cast_to=_RouteList)).data


def _provider_path(provider_id: str) -> str:
    return f"/providers/{quote(provider_id, safe='')}"
