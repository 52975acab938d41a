"""Files that mean harm fail with a reason, or turn out harmless; whoever asked for their text stays as it is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from integration.faults.memory import forget_peak, peak
from integration.ingestion.bombs import HARMLESS, REFUSED

from stack.errors import ParseFailed
from stack.services.parsing import Limits, ParsedDocument, parse

MOST_GROWTH = 100 * 1024  # KiB
LIMITS = Limits(cpu_s=20, wall_s=600)  # it yields to all others: on a busy machine seconds of work take minutes


async def parsed(folder: Path, name: str, content: bytes) -> ParsedDocument:
    """The document; memory is measured from after the file was made."""
    path = folder / name
    path.write_bytes(content)
    del content
    before = forget_peak(os.getpid())
    try:
        return await parse(path, name, None, LIMITS)
    finally:
        assert peak(os.getpid()) - before < MOST_GROWTH
        assert os.listdir(folder) == [name]


@pytest.mark.parametrize("bomb", REFUSED)
async def test_a_bomb_fails_with_a_reason(bomb: str, tmp_path: Path) -> None:
    name, make, code = REFUSED[bomb]
    with pytest.raises(ParseFailed) as failed:
        await parsed(tmp_path, name, make())
    assert failed.value.code == code
    assert len(failed.value.message) < 250
    assert str(tmp_path) not in failed.value.message


@pytest.mark.parametrize("bomb", HARMLESS)
async def test_what_looks_like_a_bomb_gives_its_words(bomb: str, tmp_path: Path) -> None:
    name, make = HARMLESS[bomb]
    document = await parsed(tmp_path, name, make())
    assert "harmless" in document.text
    document.text.encode()
    assert not set(document.text) & {chr(code) for code in range(32)} - {"\n", "\t"}
    assert all(0 <= span.start < span.end <= len(document.text) for span in document.spans)


async def test_entries_are_written_nowhere(tmp_path: Path) -> None:
    folder = tmp_path / "one/two/three"
    folder.mkdir(parents=True)
    name, make = HARMLESS["escaping names"]
    await parsed(folder, name, make())
    assert [each.name for each in sorted(tmp_path.rglob("*"))] == ["one", "two", "three", name]
    assert not Path("/tmp/escaped-absolute").exists()
