"""Recordings are read as they are, and files that are none are named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stack.testing.recordings import endpoint_of, read_recording, read_recordings

RECORDINGS = Path(__file__).parents[2] / "recordings"


@pytest.mark.parametrize(
    "path",
    [
        "/v1/chat/completions",
        "/openai/v1/chat/completions",
        "/openai/deployments/gpt-4o/chat/completions",
        "/any/prefix/v1/chat/completions",
    ],
)
def test_an_endpoint_is_known_under_every_prefix(path):
    assert endpoint_of(path) == "/v1/chat/completions"


def test_the_classic_list_of_azure_is_the_models_list():
    assert endpoint_of("/openai/models") == "/v1/models"


def test_the_selection_has_every_provider_and_stays_small():
    found = read_recordings(RECORDINGS)
    assert {each.provider for each in found} == {"openai", "azure", "ollama", "vllm"}
    assert {each.status for each in found} == {200, 400}
    assert sum(each.path.stat().st_size for each in found) < 1_500_000


def test_a_file_of_its_own_is_a_source_too():
    (path, *_) = sorted(RECORDINGS.rglob("*.json"))
    assert read_recordings([path]) == [read_recording(path)] == read_recordings(path)


@pytest.mark.parametrize("change", [{"response": {}}, {"request": []}, {"response": {"stream": True, "status": 200}}])
def test_a_file_that_is_no_recording_is_named(tmp_path, change):
    whole = json.loads((RECORDINGS / "vllm" / "models.json").read_text())
    (tmp_path / "bad.json").write_text(json.dumps(whole | change))
    with pytest.raises(ValueError, match=r"bad\.json` is not a recording"):
        read_recordings(tmp_path)


def test_an_empty_folder_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="no recordings"):
        read_recordings(tmp_path)
