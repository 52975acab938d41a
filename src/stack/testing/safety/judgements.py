"""OpenAI's moderations over a shield."""

from __future__ import annotations

from typing import Any

import pytest

from stack.apis.moderations import CATEGORIES, Moderation, ModerationRequest
from stack.apis.safety import Safety
from stack.testing.safety.settings import Settings


class Judgements(Settings):
    async def moderations(self, provider: Safety, given: Any) -> list[Moderation]:
        """The results for an input."""
        request = ModerationRequest.model_validate({"input": given})
        return list((await provider.run_moderation(self.shield, request)).results)

    @pytest.mark.asyncio
    async def test_each_text_gets_its_own_judgement(self, provider: Safety) -> None:
        results = await self.moderations(provider, [self.harmless, self.violating, self.harmless])
        assert [each.flagged for each in results] == [False, True, False]

    @pytest.mark.asyncio
    async def test_texts_that_belong_together_get_one(self, provider: Safety) -> None:
        parts = [{"type": "text", "text": self.harmless}, {"type": "text", "text": self.violating}]
        assert [each.flagged for each in await self.moderations(provider, parts)] == [True]

    @pytest.mark.asyncio
    @pytest.mark.parametrize("part", ["categories", "category_scores", "category_applied_input_types"])
    async def test_every_category_of_openai_is_told(self, part: str, provider: Safety) -> None:
        for text in (self.harmless, self.violating):
            [result] = await self.moderations(provider, text)
            assert set(CATEGORIES) <= result.model_dump()[part].keys()

    @pytest.mark.asyncio
    async def test_what_applies_is_what_was_flagged(self, provider: Safety) -> None:
        [result] = await self.moderations(provider, self.violating)
        told = result.model_dump()
        applying = {category for category, applies in told["categories"].items() if applies}
        assert applying
        assert all(0 < told["category_scores"][category] <= 1 for category in applying)
        assert told["provider_codes"].keys() <= applying

    @pytest.mark.asyncio
    async def test_an_answer_has_an_id_and_the_name_of_the_shield(self, provider: Safety) -> None:
        request = ModerationRequest(input=self.harmless)
        answers = [await provider.run_moderation(self.shield, request) for _ in range(2)]
        assert answers[0].id != answers[1].id
        assert {answer.model for answer in answers} == {self.shield.shield_id}
