"""A configured provider: its object once it is up, what it lists, and whether it works."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar

from pydantic import BaseModel

from stack.apis.models import Model
from stack.errors import ProviderUnavailable, StackError, Unsupported, UpstreamError
from stack.registry.spec import ProviderSpec

P = TypeVar("P")

Status = Literal["available", "degraded", "unavailable", "failed"]


@dataclass(slots=True)
class Instance(Generic[P]):
    """One provider of run.yaml.

    status: `failed` did not start, `unavailable` does not answer, `degraded` answers but cannot list its models.
    listed: the models it last listed, by its own ids; None before the first list.
    """

    api: str
    provider_id: str
    spec: ProviderSpec
    config: BaseModel | None
    provider: P | None = None
    status: Status = "available"
    reason: str = ""
    allowed: frozenset[str] | None = None
    listed: dict[str, Model] | None = field(default=None)

    @property
    def keeps_deadline(self) -> bool:
        """Whether it ends by itself when the time for a request is over, as our own client of services does."""
        return self.spec.module.startswith("stack.providers.remote.")

    def answer(self) -> P:
        """The provider's object. Raises: ProviderUnavailable."""
        if self.provider is None:
            raise ProviderUnavailable(f"provider `{self.provider_id}` did not start: {self.reason}")
        return self.provider

    def fail(self, reason: str) -> None:
        """It cannot be started; the rest serves."""
        self.provider, self.status, self.reason = None, "failed", reason

    def works(self) -> None:
        """It answered."""
        if self.status == "unavailable":
            self.status, self.reason = "available", ""

    def failed_to_answer(self, error: UpstreamError) -> None:
        """It did not: unless the refusal was about one request, nobody should count on it."""
        about_one = error.phase == "read" or error.code == "deadline_exceeded"
        if error.status in (502, 503, 504) and not about_one:
            self.status, self.reason = "unavailable", error.message

    def set_listed(self, models: list[Model]) -> None:
        """It listed its models."""
        names = {model.provider_model_id: model for model in models}
        self.listed = {name: model for name, model in names.items() if self.allowed is None or name in self.allowed}
        if self.status != "failed":
            self.status, self.reason = "available", ""

    def failed_to_list(self, error: StackError) -> None:
        """It answered no list: models already known stay."""
        if isinstance(error, UpstreamError) and error.upstream.status not in (404, 405):
            self.status, self.reason = "unavailable", error.message
        elif not isinstance(error, Unsupported):
            self.status, self.reason = "degraded", error.message
