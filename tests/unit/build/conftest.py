"""Packages as if they were installed, in a folder that is on the path for one test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stack.registry.discovery import forget_installed


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Path]]:
    """`installed("acme", "1", module=..., record=...)`: a package, perhaps with its direct_url.json; its folder."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))

    def installed(name: str, version: str = "9", *, module: str = "", record: str | None = None) -> Path:
        info = site / f"{name}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        (info / "RECORD").write_text(f"{name}.py,,\n")
        (site / f"{name}.py").write_text(module) if module else None
        if record is not None:
            (info / "direct_url.json").write_text(record)
        forget_installed()
        return site

    yield installed
    forget_installed()
