"""`client.safety`, `client.shields` and OpenAI's own `client.moderations`, asynchronous too."""

from __future__ import annotations

import openai
import pytest

from stack import AsyncStackAsLibraryClient

RUN = """
providers:
  inference: [{provider_id: play, provider_type: inline::playground}]
  safety: [{provider_id: keywords, provider_type: inline::keywords}]
shields: [{shield_id: words, params: {words: [falcon]}}]
models:
- {model_id: m, provider_id: play, provider_model_id: not-an-llm, shields: {input: [words]}}
storage: {state_dir: "%s"}
"""
FALCON = [{"role": "user", "content": "a falcon"}]


@pytest.fixture
async def client(tmp_path):
    (tmp_path / "run.yaml").write_text(RUN % (tmp_path / "state"))
    async with AsyncStackAsLibraryClient(tmp_path / "run.yaml") as made:
        yield made


async def test_checks_and_verdicts(client):
    violation = (await client.safety.run_shield(shield_id="words", messages=FALCON)).violation
    assert (violation.findings[0].start, violation.findings[0].end) == (2, 8)
    with pytest.raises(openai.BadRequestError):
        await client.chat.completions.create(model="m", messages=FALCON)
    assert [each.action for each in await client.safety.verdicts(shield_id="words", limit=5)] == ["block"]


async def test_shields(client):
    made = await client.shields.register(shield_id="more", params={"words": ["x"]})
    assert await client.shields.retrieve("more") == made
    assert [each.identifier for each in await client.shields.list()] == ["words", "more"]
    await client.shields.delete("more")
    assert len(await client.shields.list()) == 1


async def test_moderations(client):
    assert (await client.moderations.create(input="a falcon")).results[0].flagged
