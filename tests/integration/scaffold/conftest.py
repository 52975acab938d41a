"""A copy of the repository for tests that add to it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SOURCES = ("src", "scripts", "distributions", "docs", "tests/unit/conftest.py", "tests/asking.py", "pyproject.toml")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of this repository, as far as a provider needs it."""
    for source in SOURCES:
        target = tmp_path / "checkout" / source
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / source, target)
    return tmp_path / "checkout"
