"""Credentials: keys and tokens of some fifty issuers by their form and checksum, private keys, passwords in addresses.

Nothing is found for being random: a hash, an id or a picture in base64 is no secret. A private key that is longer than
the window of a stream is an objection to the whole text, since its end could not be masked.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

from stack.errors import InvalidRequest, nearest, quoted
from stack.providers.inline.secrets.detector import SecretDetector
from stack.providers.inline.secrets.rules import RULES
from stack.providers.inline.text_shield.provider import TextShield
from stack.registry.spec import ProviderConfig

_NAMES = [rule.name for rule in RULES]


class Config(ProviderConfig):
    rules: list[str] | None = Field(None, min_length=1, description="Kinds to look for; default: all.")
    skip: list[str] = Field(default_factory=list, description="Kinds to leave out.")
    threshold: float = Field(
        0.5,
        ge=0,
        le=1,
        description="Least score; 0.7 is what stands behind a word such as `password`, 0.95 most others.",
    )
    allow: list[str] = Field(default_factory=list, description="Secrets that are none, such as those in documentation.")


class Secrets(TextShield[SecretDetector]):
    config: Config
    user_message = "This holds a credential."

    def made_of(self, config: Any) -> SecretDetector:
        for param, names in (("rules", config.rules or []), ("skip", config.skip)):
            if unknown := [name for name in names if name not in _NAMES]:
                hint = quoted(nearest(unknown[0], _NAMES) or _NAMES)
                raise InvalidRequest(f"`{param}` names `{unknown[0]}`, which is none: use {hint}", param=param)
        wanted = set(config.rules or _NAMES) - set(config.skip)
        return SecretDetector([rule for rule in RULES if rule.name in wanted], config.threshold, config.allow)
