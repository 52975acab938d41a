"""Insecure code in answers: Python by its syntax tree, other languages by lines, each finding with its number in CWE.

Code is what stands in Markdown's fences, and lines elsewhere that are Python by themselves. A stream is read a window
at a time: imports and fences before it are out of sight.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

from stack.errors import InvalidRequest, nearest, quoted
from stack.providers.inline.code_scanner.detector import CodeDetector
from stack.providers.inline.code_scanner.weaknesses import CWE
from stack.providers.inline.text_shield.provider import TextShield
from stack.registry.spec import ProviderConfig


class Config(ProviderConfig):
    skip: list[str] = Field(default_factory=list, description="Weaknesses to leave out.")
    max_statement_chars: int = Field(
        1_000,
        ge=100,
        le=20_000,
        description="Longest statement that a stream waits for; a longer one may be missed there.",
    )


class CodeScanner(TextShield[CodeDetector]):
    config: Config
    user_message = "This holds insecure code."

    def made_of(self, config: Any) -> CodeDetector:
        if unknown := [name for name in config.skip if name not in CWE]:
            hint = quoted(nearest(unknown[0], CWE) or CWE)
            raise InvalidRequest(f"`skip` names `{unknown[0]}`, which is none: use {hint}", param="skip")
        return CodeDetector(frozenset(CWE) - set(config.skip), config.max_statement_chars)
