"""Personal data: cards, accounts, numbers of states, phones, mail and addresses of hosts, proved by check digits.

What is written in full-width digits, with odd blanks or with characters that cannot be seen is found all the same.
Names of people and streets are not looked for: they need a model, and its mistakes.
"""

from __future__ import annotations

import re
from typing import Any

from pydantic import Field

from stack.errors import InvalidRequest, nearest, quoted
from stack.providers.inline.pii.detector import PiiDetector
from stack.providers.inline.pii.entities import NAMES, entities
from stack.providers.inline.text_shield.provider import TextShield
from stack.registry.spec import ProviderConfig

_REGION = re.compile("[A-Z]{2}")


class Config(ProviderConfig):
    entities: list[str] = Field(
        [*NAMES],
        min_length=1,
        description="What to look for; `national_id` means every number of a state. Default: all.",
    )
    threshold: float = Field(
        0.5,
        ge=0,
        le=1,
        description="Least score; numbers without separators are found below it too, with a word beside.",
    )
    regions: list[str] = Field(
        ["US", "GB", "DE", "FR", "ES", "IT", "IN"],
        description="Countries (ISO 3166) whose phone numbers are known without `+`.",
    )
    allow: list[str] = Field(
        default_factory=list, description="Texts that are nobody's secret, such as a support address."
    )


class Pii(TextShield[PiiDetector]):
    config: Config
    user_message = "This holds personal data."

    def made_of(self, config: Any) -> PiiDetector:
        known = [*NAMES, "national_id"]
        if unknown := [name for name in config.entities if name not in known]:
            hint = quoted(nearest(unknown[0], known) or known)
            raise InvalidRequest(f"`entities` names `{unknown[0]}`, which is none: use {hint}", param="entities")
        if wrong := [region for region in config.regions if not _REGION.fullmatch(region)]:
            message = f"`regions` names `{wrong[0]}`, which is none: write two large letters, such as `US`"
            raise InvalidRequest(message, param="regions")
        allow = [each.casefold() for each in config.allow]
        return PiiDetector(entities(config.entities, config.regions), config.threshold, allow)
