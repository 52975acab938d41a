"""What looking at something gave."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "off", "warning", "failed"]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. found: what there is to say of it; fix: the line that mends it, if one is known."""

    name: str
    status: Status
    found: str = ""
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Findings:
    """The checks of one provider, or of the machine, in order; what could not be reached is not among them."""

    subject: str
    checks: tuple[Check, ...]
    api: str = ""
    provider_type: str = ""

    @property
    def has_failed(self) -> bool:
        return any(check.status == "failed" for check in self.checks)
