"""What run.yaml says of shields: which there are, and where models use them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, GetJsonSchemaHandler, model_validator
from pydantic_core import CoreSchema

from stack.apis.shields import SHIELD_ID
from stack.registry.spec import ConfigModel


class ShieldEntry(ConfigModel):
    """A shield by the id that callers and models use."""

    shield_id: str = Field(
        pattern=SHIELD_ID, description="What callers and models say; empty after expansion: the entry is off."
    )
    provider_id: str = Field("", description="The safety provider; left out: the only one.")
    provider_shield_id: str = Field("", description="What the provider calls it; the `shield_id` if left out.")
    params: dict[str, Any] = Field(default_factory=dict, description="The provider's own settings of this shield.")

    def model_post_init(self, context: Any, /) -> None:
        self.provider_shield_id = self.provider_shield_id or self.shield_id


class ShieldUse(ConfigModel):
    """A shield at one place of a model; its id alone is enough."""

    shield_id: str = Field(min_length=1, description="One of `shields`.")
    action: Literal["block", "mask", "annotate"] = Field(
        "block", description="What a violation leads to: refusal, other words in its place, or a note alone."
    )
    on_error: Literal["block", "allow"] = Field(
        "block", description="Whether what a shield cannot check passes: `block` answers 503."
    )
    timeout_s: float = Field(10.0, gt=0, le=600, description="Longest wait for one check, in seconds.")

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [{"type": "string"}, handler(schema)]}

    @model_validator(mode="before")
    @classmethod
    def _by_name(cls, written: Any) -> Any:
        return {"shield_id": written} if isinstance(written, str) else written


class ModelShields(ConfigModel):
    """The shields of a model: nothing reaches it, and nothing comes back, that they did not let pass."""

    input: list[ShieldUse] = Field(default_factory=list, description="What requests go through.")
    output: list[ShieldUse] = Field(default_factory=list, description="What answers go through, streams included.")


class SafetyConfig(ConfigModel):
    """What holds for shields altogether."""

    default_shield_id: str = Field("", description="The shield of moderations that name none; left out: the first.")
    verdicts_kept: int = Field(
        1_000, ge=0, le=100_000, description="How many verdicts `GET /v1/safety/verdicts` remembers, in each process."
    )
