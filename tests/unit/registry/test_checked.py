"""A row says what its provider was checked against, and the catalogue shows it."""

from __future__ import annotations

from pathlib import Path

import pytest

from stack.distribution.provider_pages import render_provider_pages
from stack.registry.discovery import specs
from stack.registry.spec import ProviderSpec

TESTS = Path(__file__).parents[2]
ROWS = [spec for spec in specs("inference") if spec.origin == "stack"]


@pytest.mark.parametrize("spec", ROWS, ids=lambda spec: spec.provider_type)
def test_remote_rows_say_it_and_inline_ones_do_not(spec: ProviderSpec):
    assert (spec.checked in ("recorded", "documented")) == (spec.kind == "remote")


def test_whoever_claims_recorded_answers_has_them():
    folders = (TESTS / "recordings", TESTS / "unit/providers/remote/vendors/recordings")
    chats = {path.parent.name for folder in folders for path in folder.glob("*/chat-completions")}
    assert {spec.name for spec in ROWS if spec.checked == "recorded"} == chats


@pytest.mark.parametrize(
    ("name", "words"), [("remote_watsonx", "recorded answers"), ("remote_groq", "documentation only")]
)
def test_the_catalogue_shows_it(name: str, words: str):
    pages = render_provider_pages("")
    assert f"- Checked against: {words}\n" in pages[f"inference/{name}.md"]
    assert any(f"inference/{name}.md" in row and words in row for row in pages["index.md"].splitlines())
    assert "Checked against" not in pages["inference/inline_playground.md"]
