"""What a distribution needs installed, and the folder that holds it: venv, build.yaml and run.yaml."""

from __future__ import annotations

import json
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from stack.distribution import DistributionTemplate, render
from stack.distribution.entries import entries
from stack.errors import ConfigError
from stack.installing import Install, installs
from stack.venv import install_into, make_venv
from stack.version import __version__

WRITTEN = ("build.yaml", "run.yaml")


def plan_installs(template: DistributionTemplate, *own: str) -> list[Install]:
    """How to install `own` requirements and exactly what the providers of a template name, resolved together."""
    specs = [entry.spec for found in entries(template).values() for entry in found]
    resolved = {package for spec in specs for package in spec.packages}
    without_deps = {package for spec in specs for package in spec.packages_no_deps}
    return installs((*own, *sorted(resolved)), sorted(without_deps))


def install_in_place(template: DistributionTemplate) -> None:
    """Install what the providers of a template name into the environment of this process. Raises: BuildFailed."""
    install_into(sys.executable, plan_installs(template))


def build_distribution(template: DistributionTemplate, folder: Path, *, replace: bool = False) -> list[Path]:
    """Make `folder/venv`, then write build.yaml and run.yaml beside it; the files that were written.

    A failure leaves what was there before. Raises: ConfigError if there is an environment and it is not to be
    replaced, BuildFailed.
    """
    planned, texts = plan_installs(template, own_requirement()), render(template)
    make_venv(folder / "venv", planned, replace=replace)
    return [_written(folder / name, texts[name]) for name in WRITTEN]


def _written(path: Path, text: str) -> Path:
    """Where the text went: beside a file that says something else, which somebody may have edited."""
    if path.is_file() and path.read_text(encoding="utf-8") != text:
        path = path.with_name(f"{path.name}.new")
    path.write_text(text, encoding="utf-8")
    return path


def own_requirement() -> str:
    """How to install this package from where it came from: a folder, a file, a repository, or else the index.

    Source: PEP 610 (direct_url.json). Raises: ConfigError if that folder or file is gone.
    """
    try:
        recorded = distribution("stack").read_text("direct_url.json")
    except PackageNotFoundError:
        return str(_existing(Path(__file__).resolve().parents[2] / "pyproject.toml").parent)
    origin: dict[str, Any] = json.loads(recorded) if recorded else {}
    if not origin:
        return f"stack=={__version__}"
    url: str = origin["url"]
    if vcs := origin.get("vcs_info"):
        return f"stack @ {vcs['vcs']}+{url}@{vcs['commit_id']}"
    return str(_existing(Path(url2pathname(urlsplit(url).path)))) if url.startswith("file:") else f"stack @ {url}"


def _existing(path: Path) -> Path:
    if not path.exists():
        raise ConfigError(f"`stack` was installed from `{path}`, which is gone: install it again, then build")
    return path
