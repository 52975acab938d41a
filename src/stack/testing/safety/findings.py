"""What is found, where, and how it is told."""

from __future__ import annotations

import json

import pytest

from stack.apis.safety import Safety, ShieldReport
from stack.testing.safety.settings import Settings, masked

ROLES = ("user", "system", "developer", "assistant", "tool", "function", "critic")
LEADS = {"nothing": "", "words": "So I said: ", "lines": "one\ntwo\r\n\n", "signs": "☂️ 𝔘 é ", "Cyrillic": "Привет, "}


def assert_well_formed(report: ShieldReport, texts: tuple[str, ...]) -> None:
    """Whether each finding has a category, a score that is one, and a place that is in its text."""
    for found in report.findings:
        assert found.category
        assert 0 <= found.score <= 1
        assert 0 <= found.message < len(texts)
        assert (found.start is None) == (found.end is None)
        if found.start is not None and found.end is not None:
            assert 0 <= found.start < found.end <= len(texts[found.message])


class Findings(Settings):
    @pytest.mark.asyncio
    async def test_what_it_is_for_is_found(self, provider: Safety) -> None:
        report = await self.judged(provider, self.violating)
        assert report.violates
        assert report.level == "error"
        assert_well_formed(report, (self.violating,))

    @pytest.mark.asyncio
    async def test_harmless_text_passes(self, provider: Safety) -> None:
        assert (await self.judged(provider, self.harmless)).findings == ()

    @pytest.mark.asyncio
    @pytest.mark.parametrize("role", ROLES)
    async def test_every_role_is_read(self, role: str, provider: Safety) -> None:
        assert (await self.judged(provider, self.violating, role=role)).violates

    @pytest.mark.asyncio
    async def test_the_message_is_told(self, provider: Safety) -> None:
        conversation = (await provider.describe_shield(self.shield)).wants_conversation
        texts = (self.harmless, self.violating) if conversation else (self.harmless, self.violating, self.harmless)
        report = await self.judged(provider, *texts)
        assert {found.message for found in report.findings} == {1}
        assert_well_formed(report, texts)

    @pytest.mark.asyncio
    @pytest.mark.parametrize("lead", LEADS)
    async def test_places_count_characters_whatever_they_are(self, lead: str, provider: Safety) -> None:
        alone = await self.judged(provider, self.violating)
        report = await self.judged(provider, LEADS[lead] + self.violating)
        assert report.violates
        if self.has_spans:
            shift = len(LEADS[lead])
            assert [(f.start, f.end) for f in report.findings] == [
                ((f.start or 0) + shift, (f.end or 0) + shift) for f in alone.findings
            ]

    @pytest.mark.asyncio
    async def test_masked_text_is_harmless(self, provider: Safety) -> None:
        text = f"{self.harmless} {self.violating}. {self.harmless}"
        report = await self.judged(provider, text)
        assert all((found.start is not None) == self.has_spans for found in report.findings)
        if self.has_spans:
            assert not (await self.judged(provider, masked(text, report))).violates

    @pytest.mark.asyncio
    async def test_no_finding_is_longer_than_the_window(self, provider: Safety) -> None:
        window = (await provider.describe_shield(self.shield)).window_chars
        for found in (await self.judged(provider, self.violating)).findings:
            if found.start is not None and found.end is not None:
                assert found.end - found.start <= window

    @pytest.mark.asyncio
    async def test_the_window_is_all_it_needs_to_see(self, provider: Safety) -> None:
        window = (await provider.describe_shield(self.shield)).window_chars
        lead, tail = f"{self.harmless} " * 3, f" {self.harmless}" * 3
        [start, end] = [len(lead), len(lead) + len(self.violating)]
        text = (lead + self.violating + tail)[max(0, start - window) : end + window]
        assert (await self.judged(provider, text)).violates

    @pytest.mark.asyncio
    async def test_what_is_told_does_not_repeat_the_text(self, provider: Safety) -> None:
        report = await self.judged(provider, self.violating)
        assert self.violating not in report.user_message
        assert self.violating not in json.dumps(report.metadata, ensure_ascii=False)
