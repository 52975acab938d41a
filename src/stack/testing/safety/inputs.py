"""Empty, huge, odd and simultaneous input; settings that are wrong."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest

from stack.apis.safety import CheckedMessage, Safety
from stack.errors import InvalidRequest
from stack.testing.safety.settings import Settings

ODD = {
    "nothing": "",
    "blanks": " \t\n\r ",
    "NUL": "a\x00b",
    "half a surrogate": "a \ud83d b",
    "combining marks": "e\u0301" * 300,
    "right to left": "\u202eabc\u202c",
    "no spaces": "a" * 5_000,
    "brackets": "([{<" * 500,
}


class Inputs(Settings):
    @pytest.mark.asyncio
    async def test_no_messages_are_nothing_to_object_to(self, provider: Safety) -> None:
        assert (await provider.run_shield(self.shield, [])).findings == ()

    @pytest.mark.asyncio
    @pytest.mark.parametrize("case", ODD)
    async def test_odd_text_is_judged(self, case: str, provider: Safety) -> None:
        report = await self.judged(provider, ODD[case])
        assert all(found.message == 0 for found in report.findings)

    @pytest.mark.asyncio
    async def test_empty_text_passes(self, provider: Safety) -> None:
        assert (await self.judged(provider, "")).findings == ()

    @pytest.mark.asyncio
    async def test_the_end_of_a_huge_text_is_read_or_the_text_refused(self, provider: Safety) -> None:
        text = (f"{self.harmless} " * (self.huge_chars // len(self.harmless))) + self.violating
        try:
            report = await self.judged(provider, text)
        except InvalidRequest:
            return
        assert report.violates

    @pytest.mark.asyncio
    async def test_others_are_served_while_a_huge_text_is_judged(self, provider: Safety) -> None:
        # The processor's time, to which a busy machine adds nothing, and not of one try, which a stalled one may spoil.
        assert min([await self._held(provider) for _ in range(3)]) < 0.5

    async def _held(self, provider: Safety) -> float:
        """Seconds that this process computes, at most, between two turns of the loop while a huge text is judged."""
        text = f"{self.harmless} " * (self.huge_chars // len(self.harmless))
        judging = asyncio.ensure_future(self.judged(provider, text))
        gaps = [0.0]
        while not judging.done():
            before = time.process_time()
            await asyncio.sleep(0.001)
            gaps.append(time.process_time() - before)
        await asyncio.gather(judging, return_exceptions=True)
        return max(gaps)

    @pytest.mark.asyncio
    async def test_many_are_judged_at_once_each_for_itself(self, provider: Safety) -> None:
        texts = [self.violating if index % 3 == 0 else self.harmless for index in range(30)]
        reports = await asyncio.gather(*(self.judged(provider, text) for text in texts))
        assert [report.violates for report in reports] == [index % 3 == 0 for index in range(30)]

    @pytest.mark.asyncio
    async def test_it_answers_after_a_caller_left(self, provider: Safety) -> None:
        leaving = asyncio.ensure_future(self.judged(provider, f"{self.harmless} " * 2_000))
        await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
        assert (await self.judged(provider, self.violating)).violates

    @pytest.mark.asyncio
    async def test_its_traits_are_plain(self, provider: Safety) -> None:
        traits = await provider.describe_shield(self.shield)
        assert 1 <= traits.window_chars <= 100_000
        assert 1 <= traits.stride_chars <= 100_000
        assert await provider.describe_shield(self.shield) == traits

    @pytest.mark.asyncio
    async def test_settings_that_it_does_not_know_are_refused(self, provider: Safety) -> None:
        if not self.refuses_unknown_params:
            pytest.skip("it hands its `params` on")
        with pytest.raises(InvalidRequest, match="no_such_setting"):
            await provider.describe_shield(replace(self.shield, params={**self.shield.params, "no_such_setting": 1}))

    @pytest.mark.asyncio
    async def test_images_are_read_where_it_says_so(self, provider: Safety) -> None:
        if not (await provider.describe_shield(self.shield)).reads_images:
            pytest.skip("it reads text alone, and is handed no images")
        message = CheckedMessage("user", self.violating, (PIXEL,))
        assert (await provider.run_shield(self.shield, [message])).violates


PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5Er"
    "kJggg=="
)
