"""Where an installed package came from, so that a build can install it again: an index, a file, a folder, a URL."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from urllib.request import url2pathname

from packaging.requirements import InvalidRequirement, Requirement

from stack.errors import ConfigError
from stack.venv import BuildFailed, uv_command
from stack.version import __version__

WHEELS = "wheels"
SOURCE_DATE = "1577836800"  # 2020-01-01; ZIP knows no time before 1980


def own_requirement() -> str:
    """How to install this package again. Raises: ConfigError if the folder or file that it came from is gone."""
    try:
        return requirement_of("stack")
    except PackageNotFoundError:
        return str(_existing("stack", Path(__file__).resolve().parents[3] / "pyproject.toml").parent)


def requirement_of(name: str) -> str:
    """How to install an installed package again: a path, or a requirement.

    Source: PEP 610 (direct_url.json). Raises: ConfigError, PackageNotFoundError.
    """
    installed = distribution(name)
    recorded = installed.read_text("direct_url.json")
    origin: dict[str, Any] = json.loads(recorded) if recorded else {}
    if not origin:
        return f"{name}=={__version__ if name == 'stack' else installed.version}"
    url: str = origin["url"]
    within = f"#subdirectory={origin['subdirectory']}" if "subdirectory" in origin else ""
    if vcs := origin.get("vcs_info"):
        return f"{name} @ {vcs['vcs']}+{without_credentials(url)}@{vcs['commit_id']}{within}"
    if url.startswith("file:"):
        return str(_existing(name, Path(url2pathname(urlsplit(url).path))))
    return f"{name} @ {without_credentials(url)}{within}"


def requirement_for_module(module: str) -> str | None:
    """The same for the package that a module belongs to; None if it belongs to none."""
    found = packages_distributions().get(module.partition(".")[0])
    return requirement_of(found[0]) if found else None


def without_credentials(url: str) -> str:
    """A URL as it may stand in a file: without user and password, but for the user of ssh, who opens nothing alone."""
    parts = urlsplit(url)
    credentials, _, host = parts.netloc.rpartition("@")
    user = credentials.partition(":")[0] if parts.scheme.endswith("ssh") else ""
    return urlunsplit(parts._replace(netloc=f"{user}@{host}" if user else host))


def as_requirement(requirement: str, staging: Path, *, offline: bool) -> str:
    """A requirement as a lock can hold it: a folder or file on this machine becomes a wheel below `staging`.

    Raises: ConfigError for what is neither a requirement nor a path, BuildFailed.
    """
    try:
        Requirement(requirement)
    except InvalidRequirement as error:
        if not (path := Path(requirement).expanduser()).exists():
            raise ConfigError(f"`{requirement}` is neither a requirement nor a file or folder: {error}") from error
        wheel = _kept(path if path.suffix == ".whl" else _built(path, staging / "built", offline), staging)
        return f"{wheel.name.partition('-')[0]} @ {wheel.as_uri()}"
    return requirement


def _built(source: Path, folder: Path, offline: bool) -> Path:
    """The wheel of a folder with a pyproject.toml, or of a source distribution."""
    shutil.rmtree(folder, ignore_errors=True)
    uv = uv_command()
    command = [*uv, "build", "--quiet", "--wheel", "--out-dir", str(folder), str(source.absolute())]
    if not uv:
        command = [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "--quiet",
            "--no-deps",
            "--wheel-dir",
            str(folder),
            str(source),
        ]
    if offline:
        command.append("--offline" if uv else "--no-index")
    # A wheel that tells when it was built would be another one each time, and so would the lock.
    environ = {"SOURCE_DATE_EPOCH": SOURCE_DATE, **os.environ}
    done = subprocess.run(command, env=environ, stdout=2, check=False)  # noqa: S603
    wheel = next(folder.glob("*.whl"), None)
    if done.returncode or wheel is None:
        hint = "; what builds it is fetched without `--offline`" if offline else ""
        raise BuildFailed(f"no wheel could be built from `{source}`, see above: nothing was built{hint}")
    return wheel


def _kept(wheel: Path, staging: Path) -> Path:
    """A wheel under a name that follows from its content, so that another one never takes its place."""
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    kept = staging / WHEELS / digest[:16] / wheel.name
    kept.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(wheel, kept)
    return kept


def _existing(name: str, path: Path) -> Path:
    if not path.exists():
        raise ConfigError(f"`{name}` was installed from `{path}`, which is gone: install it again, then build")
    return path
