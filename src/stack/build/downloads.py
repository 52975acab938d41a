"""How much an installation fetches: the files that this machine takes of a lock, and those it does not have yet."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.markers import Marker
from packaging.tags import Tag, sys_tags
from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from stack.build.lock import File, Lock, Package
from stack.venv import INDEX_OPTION, uv_command

MB = 1_000_000
_ANNOUNCED = re.compile(r"^Would download (\d+) package", re.MULTILINE)
_UNCACHED = re.compile(r"Identified uncached distribution: ([\w.-]+)")


@dataclass(frozen=True, slots=True)
class Downloads:
    """packages: all that are installed. missing: those to fetch; None where nobody can tell."""

    packages: tuple[tuple[Package, File | None], ...]
    missing: frozenset[str] | None

    def __str__(self) -> str:
        total = f"{len(self.packages)} packages{_size([file for _, file in self.packages])}"
        if self.missing is None:
            return total
        fetched = [file for package, file in self.packages if package.name in self.missing]
        return f"{total}; to download: {len(fetched)}{_size(fetched)}"


def downloads(lock: Lock, folder: Path, *, offline: bool = False) -> Downloads:
    """What installing `lock` into a new environment fetches; `folder` holds its local wheels."""
    order = {tag: place for place, tag in enumerate(sys_tags())}
    here = [package for package in lock.packages if package.marker is None or Marker(package.marker).evaluate()]
    return Downloads(tuple((package, _taken(package, order)) for package in here), _missing(lock, folder, offline))


def _taken(package: Package, order: dict[Tag, int]) -> File | None:
    """The file that this interpreter prefers; None for what is built from a repository."""
    ranked = [(rank, wheel) for wheel in package.wheels if (rank := _rank(wheel.name, order)) is not None]
    if ranked:
        return min(ranked, key=lambda pair: pair[0])[1]
    return package.archive or package.sdist


def _rank(wheel: str, order: dict[Tag, int]) -> int | None:
    try:
        tags = parse_wheel_filename(wheel)[3]
    except InvalidWheelFilename:
        return None
    return min((order[tag] for tag in tags if tag in order), default=None)


def _missing(lock: Lock, folder: Path, offline: bool) -> frozenset[str] | None:
    """Names of the packages that are not in uv's cache. It tells their number; which they are, only when verbose."""
    missing: set[str] = set()
    local = {package.name for package in lock.packages if package.archive and package.archive.path}
    options = ["--dry-run", "--verbose", "--color", "never", "--target", str(folder / "empty")]
    options += ["--offline"] if offline else []
    for install in lock.installs(folder):
        index = [INDEX_OPTION[True], install.index] if install.index else []
        command = [*uv_command(), "pip", "install", "--python", sys.executable, *options, *index, *install.arguments]
        given = "".join(f"{line}\n" for line in install.requirements)
        done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)  # noqa: S603
        announced = sum(map(int, _ANNOUNCED.findall(done.stderr)))
        found = set(_UNCACHED.findall(done.stderr))
        if done.returncode or len(found) != announced:
            return None
        missing |= found
    return frozenset(missing - local)


def _size(files: Sequence[File | None]) -> str:
    """`, 12.3 MB`; at least that, where an index does not tell the size of each."""
    told = [file.size for file in files if file is not None and file.size is not None]
    if not files:
        return ""
    if not told:
        return ", of sizes that the index does not tell"
    return f", {'' if len(told) == len(files) else 'at least '}{sum(told) / MB:.1f} MB"
