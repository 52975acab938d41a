"""The resource that safety is addressed by: a shield, by the id that callers use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import Field

from stack.apis.shapes import Items
from stack.apis.wire import WireModel

SHIELD_ID = r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}$"


@dataclass(frozen=True, slots=True)
class Shield:
    """A check that one provider runs.

    shield_id: what callers say, and all that a router looks at; provider_shield_id: what the provider calls it (a
    model, a guardrail); params: the provider's own settings of this shield, which `describe_shield` has accepted.
    """

    shield_id: str
    provider_id: str = ""
    provider_shield_id: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ShieldTraits:
    """What a caller must know of a shield to use it well.

    window_chars: no finding spans more characters than this, counting those beside it that decide (a word's end): in a
    stream, text is held until this many characters after it were checked. stride_chars: in a stream, how many new
    characters are worth another check; more than 1 for a shield that costs time or money. reads_images: whether it
    looks at images; others are never handed any. wants_conversation: whether it judges the last message in the light
    of those before (an answer with what was asked), instead of each by itself.
    """

    window_chars: int
    stride_chars: int = 1
    reads_images: bool = False
    wants_conversation: bool = False


class ShieldRegistration(WireModel):
    """A shield to be registered. provider_id: left out where there is one provider of safety."""

    shield_id: str = Field(pattern=SHIELD_ID)
    provider_id: str | None = None
    provider_shield_id: str | None = None
    params: dict[str, Any] | None = None


class ShieldObject(WireModel):
    """A shield, in Llama Stack's words: `identifier` is the `shield_id`, `provider_resource_id` the provider's name."""

    identifier: str
    type: Literal["shield"] = "shield"
    provider_id: str
    provider_resource_id: str
    params: dict[str, Any]

    @classmethod
    def of(cls, shield: Shield) -> ShieldObject:
        return cls(
            identifier=shield.shield_id,
            type="shield",
            provider_id=shield.provider_id,
            provider_resource_id=shield.provider_shield_id,
            params=dict(shield.params),
        )


class ShieldList(WireModel):
    """Every shield."""

    data: Items[ShieldObject]


class ShieldDeleted(WireModel):
    """What is left of a shield."""

    id: str
    object: Literal["shield"] = "shield"
    deleted: Literal[True] = True
