"""Settings of one shield: what its `params` say, and for the rest what its provider is set to."""

from __future__ import annotations

from typing import TypeVar

from pydantic import ValidationError

from stack.apis.safety import CheckedMessage
from stack.apis.shields import Shield
from stack.apis.validation import invalid_request
from stack.errors import InvalidRequest
from stack.registry.spec import ConfigModel

S = TypeVar("S", bound=ConfigModel)


def settings_of(shield: Shield, kind: type[S], config: ConfigModel) -> S:
    """The settings that a shield may choose, `kind`, of which `config` has all. Raises: InvalidRequest naming one."""
    try:
        return kind.model_validate(config.model_dump(include=set(kind.model_fields)) | dict(shield.params))
    except ValidationError as error:
        raise invalid_request(error) from None


def upstream_name(shield: Shield, default: str | None = None) -> str:
    """What the provider knows a shield by, a model or a guardrail: its name for it, else the default, else its id."""
    own = shield.provider_shield_id
    return own if own and own != shield.shield_id else default or shield.shield_id


def refuse_images(shield: Shield, *messages: CheckedMessage) -> None:
    """For a shield that reads text alone. Raises: InvalidRequest."""
    if any(message.images for message in messages):
        raise InvalidRequest(f"the shield `{shield.shield_id}` reads text alone: send no images", code=UNREADABLE)


UNREADABLE = "unreadable_content"
