"""Answers of the routes that are not inference, as clients of OpenAI, Llama Stack and OGX read them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel

from stack.apis.models import Model, ModelType
from stack.routing.instance import Instance, Status

Health = Literal["OK", "Error", "Not Implemented"]


class ModelObject(BaseModel):
    """A model: OpenAI's fields, ours under `custom_metadata`, and the same again where Llama Stack's client looks."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str
    custom_metadata: dict[str, Any]
    identifier: str
    type: Literal["model"] = "model"
    model_type: ModelType
    provider_id: str
    provider_resource_id: str
    metadata: dict[str, Any]

    @classmethod
    def of(cls, model: Model) -> ModelObject:
        ours: dict[str, Any] = {
            "model_type": model.model_type or "llm",
            "provider_id": model.provider_id,
            "provider_resource_id": model.provider_model_id,
        }
        return cls(
            id=model.model_id,
            created=model.created,
            owned_by=model.owned_by or model.provider_id,
            custom_metadata={**model.metadata, **ours},
            identifier=model.model_id,
            metadata=model.metadata,
            **ours,
        )


class ModelList(BaseModel):
    """Every model that can be named."""

    object: Literal["list"] = "list"
    data: list[ModelObject]


class HealthObject(BaseModel):
    """Whether something answers."""

    status: Health
    message: str | None = None


class ProviderTrouble(BaseModel):
    """A provider that failed to start or does not answer."""

    provider_id: str
    status: Status
    reason: str

    @classmethod
    def of(cls, instance: Instance[Any]) -> ProviderTrouble:
        return cls(provider_id=instance.provider_id, status=instance.status, reason=instance.reason)


class ReadinessObject(BaseModel):
    """Whether requests should be sent here; `providers` are those that do not work, for callers with a key."""

    status: Literal["ready", "degraded"]
    providers: list[ProviderTrouble] | None = None


class VersionObject(BaseModel):
    """The version of this software."""

    version: str


class ProviderObject(BaseModel):
    """A configured provider as operators see it; secrets in `config` are starred."""

    api: str
    provider_id: str
    provider_type: str
    config: dict[str, Any]
    status: Status
    reason: str
    health: HealthObject

    @classmethod
    def of(cls, instance: Instance[Any]) -> ProviderObject:
        working = instance.status in ("available", "degraded")
        return cls(
            api=instance.api,
            provider_id=instance.provider_id,
            provider_type=instance.spec.provider_type,
            config=instance.config.model_dump(mode="json", exclude_none=True) if instance.config else {},
            status=instance.status,
            reason=instance.reason,
            health=HealthObject(status="OK" if working else "Error", message=instance.reason),
        )


class ProviderList(BaseModel):
    """Every configured provider."""

    data: list[ProviderObject]


class RouteObject(BaseModel):
    """A route, and the provider types that stand behind it."""

    route: str
    method: str
    provider_types: list[str]


class RouteList(BaseModel):
    """Every route."""

    data: list[RouteObject]


class ErrorObject(BaseModel):
    """What went wrong; `upstream` tells a provider's own words."""

    message: str
    type: str
    param: str | None
    code: str | None
    request_id: str | None
    upstream: dict[str, Any] | None = None


class ErrorEnvelope(BaseModel):
    """OpenAI's error body."""

    error: ErrorObject
