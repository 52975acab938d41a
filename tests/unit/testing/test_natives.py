"""Packages of native code are fetched and built once, by pip itself, from an index on loopback."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from wheel_index import WheelIndex

from stack.testing.natives import Native, install, main

NATIVE = Native(("tiny_native",), ("tiny-native==1",), "a second", "look into the attic")


@pytest.fixture
def index() -> Iterator[WheelIndex]:
    with WheelIndex() as index:
        index.add("tiny-native", requires=("tiny-part",))
        index.add("tiny-part")
        yield index


@pytest.fixture(autouse=True)
def target(index: WheelIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where pip installs, instead of the environment that runs the tests."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    for name, value in {"CONFIG_FILE": os.devnull, "INDEX_URL": index.url, "NO_CACHE_DIR": "1", "RETRIES": "0"}.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    monkeypatch.setenv("PIP_TARGET", str(tmp_path / "site"))
    monkeypatch.setenv("STACK_TEST_WHEELS", str(tmp_path / "wheels"))
    return tmp_path / "site"


def test_wheels_are_fetched_once(index, target):
    for _ in "ab":
        assert install(NATIVE)
        assert {"tiny_native.py", "tiny_part.py"} <= {path.name for path in target.iterdir()}
        shutil.rmtree(target)
    assert len([path for path in index.asked if path.startswith("/files/tiny_native")]) == 1


def test_what_is_there_is_left_as_it_is(index, monkeypatch, tmp_path):
    (tmp_path / "tiny_native.py").write_text("mine = True\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert (install(NATIVE), index.asked) == (True, [])


def test_what_cannot_be_had_is_told_and_leaves_nothing_half_done(index, target, tmp_path, capfd):
    del index.files["tiny_part-1-py3-none-any.whl"]
    assert main([("tiny", NATIVE)]) == 1
    assert "tiny: not installed, so that its tests are skipped: look into the attic" in capfd.readouterr().err
    assert (list((tmp_path / "wheels").iterdir()), target.exists()) == ([], False)
