"""Shields: `client.safety` and `client.shields`, in Llama Stack's words; moderations are OpenAI's own namespace."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal
from urllib.parse import quote

from openai import AsyncOpenAI, BaseModel, OpenAI, RequestOptions


class Finding(BaseModel):
    """One thing that a shield objects to; start and end count characters of `messages[message]`, end exclusive."""

    category: str
    score: float
    message: int
    start: int | None = None
    end: int | None = None
    replacement: str
    provider_code: str


class Violation(BaseModel):
    """What a shield objects to."""

    violation_level: Literal["info", "warn", "error"]
    user_message: str | None = None
    metadata: dict[str, Any]
    categories: dict[str, float]
    findings: list[Finding]


class RunShieldResponse(BaseModel):
    """violation: None where there is nothing to object to."""

    violation: Violation | None = None


class Shield(BaseModel):
    """A shield that is configured or registered."""

    identifier: str
    provider_id: str
    provider_resource_id: str
    params: dict[str, Any]


class Verdict(BaseModel):
    """What one shield said of one request or answer; created: Unix seconds."""

    created: float
    request_id: str
    model: str
    stage: Literal["input", "output"]
    shield_id: str
    provider_id: str
    action: Literal["allow", "annotate", "mask", "error", "block"]
    level: str | None = None
    category: str | None = None
    score: float | None = None
    categories: dict[str, float]
    error: str | None = None
    checks: int
    ms: float


class _ShieldList(BaseModel):
    data: list[Shield]


class _VerdictList(BaseModel):
    data: list[Verdict]


class Safety:
    """Checks by shields."""

    def __init__(self, client: OpenAI) -> None:
        self._client = client

    def run_shield(
        self, *, shield_id: str, messages: Iterable[Mapping[str, Any]], params: Mapping[str, Any] | None = None
    ) -> RunShieldResponse:
        """What a shield says of chat messages; `params` stay empty. Raises openai.NotFoundError."""
        body = {"shield_id": shield_id, "messages": list(messages), "params": dict(params or {})}
        return self._client.post("/safety/run-shield", cast_to=RunShieldResponse, body=body)

    def verdicts(self, *, limit: int = 100, shield_id: str | None = None) -> list[Verdict]:
        """What shields of models decided lately, the newest first."""
        options = _narrowed(limit, shield_id)
        return self._client.get("/safety/verdicts", cast_to=_VerdictList, options=options).data


class AsyncSafety:
    """Checks by shields."""

    def __init__(self, client: AsyncOpenAI) -> None:
        self._client = client

    async def run_shield(
        self, *, shield_id: str, messages: Iterable[Mapping[str, Any]], params: Mapping[str, Any] | None = None
    ) -> RunShieldResponse:
        """What a shield says of chat messages; `params` stay empty. Raises openai.NotFoundError."""
        body = {"shield_id": shield_id, "messages": list(messages), "params": dict(params or {})}
        return await self._client.post("/safety/run-shield", cast_to=RunShieldResponse, body=body)

    async def verdicts(self, *, limit: int = 100, shield_id: str | None = None) -> list[Verdict]:
        """What shields of models decided lately, the newest first."""
        options = _narrowed(limit, shield_id)
        return (await self._client.get("/safety/verdicts", cast_to=_VerdictList, options=options)).data


class Shields:
    """The shields of the stack."""

    def __init__(self, client: OpenAI) -> None:
        self._client = client

    def list(self) -> list[Shield]:
        """Every shield."""
        return self._client.get("/shields", cast_to=_ShieldList).data

    def retrieve(self, identifier: str) -> Shield:
        """One shield. Raises openai.NotFoundError."""
        return self._client.get(_path(identifier), cast_to=Shield)

    def register(
        self,
        *,
        shield_id: str,
        provider_id: str | None = None,
        provider_shield_id: str | None = None,
        params: Mapping[str, Any] | None = None,
    ) -> Shield:
        """Register a shield; it stays until it is deleted. Raises openai.BadRequestError, openai.ConflictError."""
        body = _registration(shield_id, provider_id, provider_shield_id, params)
        return self._client.post("/shields", cast_to=Shield, body=body)

    def delete(self, identifier: str) -> None:
        """Remove a registered shield. Raises openai.NotFoundError; openai.ConflictError for one of run.yaml."""
        self._client.delete(_path(identifier), cast_to=object)


class AsyncShields:
    """The shields of the stack."""

    def __init__(self, client: AsyncOpenAI) -> None:
        self._client = client

    async def list(self) -> list[Shield]:
        """Every shield."""
        return (await self._client.get("/shields", cast_to=_ShieldList)).data

    async def retrieve(self, identifier: str) -> Shield:
        """One shield. Raises openai.NotFoundError."""
        return await self._client.get(_path(identifier), cast_to=Shield)

    async def register(
        self,
        *,
        shield_id: str,
        provider_id: str | None = None,
        provider_shield_id: str | None = None,
        params: Mapping[str, Any] | None = None,
    ) -> Shield:
        """Register a shield; it stays until it is deleted. Raises openai.BadRequestError, openai.ConflictError."""
        body = _registration(shield_id, provider_id, provider_shield_id, params)
        return await self._client.post("/shields", cast_to=Shield, body=body)

    async def delete(self, identifier: str) -> None:
        """Remove a registered shield. Raises openai.NotFoundError; openai.ConflictError for one of run.yaml."""
        await self._client.delete(_path(identifier), cast_to=object)


def _path(identifier: str) -> str:
    return f"/shields/{quote(identifier, safe='')}"


def _registration(
    shield_id: str, provider_id: str | None, provider_shield_id: str | None, params: Mapping[str, Any] | None
) -> dict[str, Any]:
    told = {"provider_id": provider_id, "provider_shield_id": provider_shield_id, "params": params}
    return {"shield_id": shield_id} | {key: value for key, value in told.items() if value is not None}


def _narrowed(limit: int, shield_id: str | None) -> RequestOptions:
    return {"params": {"limit": limit} | ({"shield_id": shield_id} if shield_id else {})}
