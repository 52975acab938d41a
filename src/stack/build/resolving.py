"""From what each party wants to one lock: uv resolves all of it together, and a conflict names who is at fault."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from stack.build.lock import LOCK, Lock, Package, lock_from, read_lock
from stack.build.origin import as_requirement
from stack.build.wanted import Wanted
from stack.errors import ConfigError, quoted
from stack.venv import BuildFailed, uv_command

PROJECT = "your-stack"  # what the requirements are those of, in the resolver's sentences
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
_UNSATISFIABLE = "No solution found"
_OFFLINE = "the network was disabled"


class PackageConflict(ConfigError):
    """Providers whose packages cannot be installed together."""

    code = "package_conflict"


@dataclass(frozen=True, slots=True)
class _Unsatisfiable:
    reason: str


def resolve(
    parties: Sequence[Wanted],
    staging: Path,
    *,
    previous: Path,
    upgrade: bool = False,
    offline: bool = False,
    python: str = PYTHON,
) -> Lock:
    """The lock of what the parties want, on any platform; its wheels are in `staging`.

    previous: the lock so far. Where the same is wanted it is taken as it is and nobody is asked; else its versions are
    kept where they can be. upgrade: forget them. python: the oldest that it must hold for, with all later ones; a lock
    for an older one stays for that, so that two people with two Pythons have the same.
    Raises: PackageConflict, ConfigError, BuildFailed.
    """
    parties = [_with_wheels(party, staging, offline) for party in parties]
    there = read_lock(previous)
    oldest = min(python, there.oldest_python if there else python, key=Version)
    project = _project(parties, oldest)
    inputs = hashlib.sha256(project.replace(staging.as_uri(), "").encode()).hexdigest()
    kept = None if upgrade else there
    if kept is not None and kept.inputs == inputs:
        return kept
    if kept is not None:
        (staging / LOCK).write_bytes(previous.read_bytes())
    found = _compile(parties, oldest, staging, offline)
    if isinstance(found, _Unsatisfiable):
        raise _conflict(parties, oldest, staging, found.reason, offline)
    indexes = {_project_name(package): url for party in parties for package, url in party.from_index}
    return _with_hashes(lock_from(found, inputs, staging, indexes), parties)


def _with_wheels(party: Wanted, staging: Path, offline: bool) -> Wanted:
    return replace(party, packages=tuple(as_requirement(each, staging, offline=offline) for each in party.packages))


def _project(parties: Sequence[Wanted], python: str) -> str:
    """A pyproject.toml whose dependencies are what the parties want. Source: https://docs.astral.sh/uv/reference/settings/"""
    named = sorted({package for party in parties for package in party.packages})
    unhashed = sorted({each.partition(" --hash")[0] for party in parties for each in party.packages_no_deps})
    indexed = sorted({pair for party in parties for pair in party.from_index})
    urls = sorted({url for _, url in indexed})
    overrides = sorted({each for party in parties for each in party.overrides})
    lines = ["[project]", f'name = "{PROJECT}"', 'version = "0"', f'requires-python = ">={python}"']
    lines.append(f"dependencies = {json.dumps([*named, *unhashed, *(package for package, _ in indexed)])}")
    lines += ["[tool.uv]", f"override-dependencies = {json.dumps(overrides)}"]
    for url in urls:
        lines += [
            "[[tool.uv.index]]",
            f'name = "index-{urls.index(url)}"',
            f"url = {json.dumps(url)}",
            "explicit = true",
        ]
    # An empty list of dependencies, declared here, is what `--no-deps` comes to.
    with_deps = {_project_name(package) for package in named}
    for name in sorted({_project_name(package) for package in unhashed} - with_deps):
        lines += ["[[tool.uv.dependency-metadata]]", f'name = "{name}"', "requires-dist = []"]
    lines += ["[tool.uv.sources]"]
    lines += [f'{_project_name(package)} = {{ index = "index-{urls.index(url)}" }}' for package, url in indexed]
    return "\n".join([*lines, ""])


def _project_name(requirement: str) -> str:
    return canonicalize_name(Requirement(requirement.partition(" --hash")[0]).name)


def _compile(parties: Sequence[Wanted], python: str, staging: Path, offline: bool) -> str | _Unsatisfiable:
    """uv's own pylock.toml. Raises: ConfigError, BuildFailed."""
    (staging / "pyproject.toml").write_text(_project(parties, python), encoding="utf-8")
    command = [*uv_command(), "pip", "compile", "--quiet", "--universal", "--no-header", "--no-annotate"]
    command += [
        "--python",
        sys.executable,
        "--python-version",
        python,
        "--format",
        "pylock.toml",
        "--output-file",
        LOCK,
        "pyproject.toml",
    ]
    command += ["--offline"] if offline else []
    # The project's own settings are asked for, whatever else uv is told to leave alone.
    environ = {name: value for name, value in os.environ.items() if name != "UV_NO_CONFIG"}
    done = subprocess.run(command, cwd=staging, env=environ, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode == 0:
        return (staging / LOCK).read_text(encoding="utf-8")
    if offline and _OFFLINE in done.stderr:
        raise BuildFailed(f"not all packages are in the cache: build once without `--offline` ({_reason(done.stderr)})")
    if _UNSATISFIABLE in done.stderr:
        return _Unsatisfiable(_reason(done.stderr))
    raise BuildFailed(f"the packages could not be looked up: {_reason(done.stderr)}")


def _reason(said: str) -> str:
    """uv's words in one line, without the marks around them."""
    lines = (line.strip().removeprefix("error:").removeprefix("cause:").strip() for line in said.splitlines())
    return " ".join(line for line in lines if line and not line.startswith(_UNSATISFIABLE)).rstrip(".")


def _conflict(parties: Sequence[Wanted], python: str, staging: Path, reason: str, offline: bool) -> PackageConflict:
    """Names a smallest set of parties that cannot be satisfied: each of it is needed for that."""
    at_fault = list(parties)
    for party in parties:
        others = [each for each in at_fault if each is not party]
        (staging / LOCK).unlink(missing_ok=True)
        if others and isinstance(found := _compile(others, python, staging, offline), _Unsatisfiable):
            at_fault, reason = others, found.reason
    owners = [party.owner for party in at_fault]
    if len(owners) == 1:
        return PackageConflict(f"what {owners[0]} needs cannot be installed: {reason}")
    named = f"{', '.join(owners[:-1])} and {owners[-1]}"
    return PackageConflict(f"{named} cannot be installed together: {reason}; leave one out, or build two stacks")


def _with_hashes(lock: Lock, parties: Sequence[Wanted]) -> Lock:
    """The lock with only those files whose hashes a row demands. Raises: PackageConflict if the index has none."""
    demanded = {
        _project_name(package): {part.partition(":")[2] for part in package.split(" --hash=")[1:]}
        for party in parties
        for package in party.packages_no_deps
        if " --hash=" in package
    }
    packages = [_only(package, demanded.get(package.name, set())) for package in lock.packages]
    return replace(lock, packages=tuple(packages))


def _only(package: Package, hashes: set[str]) -> Package:
    if not hashes:
        return package
    wheels = tuple(wheel for wheel in package.wheels if hashes & set(wheel.hashes.values()))
    sdist = package.sdist if package.sdist and hashes & set(package.sdist.hashes.values()) else None
    if not wheels and sdist is None:
        raise PackageConflict(
            f"{quoted([package.name])} {package.version} of the index is not the file that its row names by hash"
        )
    return replace(package, wheels=wheels, sdist=sdist)
