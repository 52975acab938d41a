"""The suite as a pytest class; the one module here that wants pytest."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, ClassVar

import pytest
import pytest_asyncio

from stack.registry.discovery import find_spec
from stack.testing.inference.checks import Check, examined
from stack.testing.inference.making import played
from stack.testing.inference.report import dialogue
from stack.testing.inference.subject import Subject
from stack.testing.inference.suite import SUITE


class InferenceContract:
    """Inherit from it and name the provider.

    settings: of its `Config`, beside a made-up key and made-up values of what must be given. not_supported: titles of
    checks, such as `chat: choices`, that may be skipped; None lets every check be.
    """

    provider_type: ClassVar[str]
    module: ClassVar[str | None] = None
    settings: ClassVar[dict[str, Any]] = {}
    not_supported: ClassVar[frozenset[str] | None] = None

    @pytest_asyncio.fixture
    async def subject(self) -> AsyncIterator[Subject]:
        """The provider as the checks ask it."""
        spec = find_spec("inference", self.provider_type, self.module)
        async with played(spec, self.settings, self.module) as made:
            yield made

    @pytest.mark.asyncio
    @pytest.mark.parametrize("check", SUITE, ids=lambda check: check.title)
    async def test_provider(self, subject: Subject, check: Check) -> None:
        found = await examined(check, subject)
        if found.status == "fail":
            pytest.fail(f"{check.sentence}\n{found.note}\n{dialogue(found, subject)}", pytrace=False)
        if found.status != "pass":
            assert self.not_supported is None or check.title in self.not_supported, found.note
            pytest.skip(found.note)
