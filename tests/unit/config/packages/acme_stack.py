"""A provider of someone else's, as small as one can be, with a field of every kind."""

from enum import Enum
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, field_validator

from stack.registry.spec import ConfigModel, ProviderConfig, ProviderSpec


class Tier(Enum):
    FREE = "free"
    PAID = "paid"


class Retry(ConfigModel):
    attempts: int = Field(3, ge=0, le=10)
    pause_s: float = 0.5


class Config(ProviderConfig):
    name: str = "acme"
    region: str | None = None
    port: int = Field(80, ge=1, le=65535)
    ratio: float = Field(0.5, gt=0)
    verify: bool = True
    ca: bool | str = True
    key: SecretStr | None = None
    models: list[str] | None = None
    ports: list[int] = Field(default_factory=list)
    headers: dict[str, str] = Field(default_factory=dict)
    extra: dict[str, Any] = Field(default_factory=dict)
    mode: Literal["fast", "slow", "1"] = "fast"
    tier: Tier = Tier.FREE
    folder: Path | None = None
    retry: Retry = Retry()
    hops: list[Retry] = Field(default_factory=list)

    @field_validator("folder")
    @classmethod
    def _not_root(cls, folder: Path | None) -> Path | None:
        if folder == Path("/"):
            raise ValueError("the root folder\nis not for us")
        if folder == Path("/secret-place"):
            raise ValueError(f"{folder} is no place")
        if folder == Path("/crash"):
            raise KeyError("a bug")
        return folder


class Acme:
    def __init__(self, config: Config, deps: object) -> None: ...


SPEC = ProviderSpec("inference", "remote::acme", "Acme.", module="acme_stack")
