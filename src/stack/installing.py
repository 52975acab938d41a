"""How packages are asked for: what each `pip install` is told, and the line that a person would type."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Install:
    """One `pip install`. requirements: what it reads from its input, where options such as `--hash` may stand.

    index: the URL of the only index to ask, None for that of the machine.
    """

    arguments: tuple[str, ...]
    requirements: tuple[str, ...] = ()
    index: str | None = None

    def __str__(self) -> str:
        """The line for a shell."""
        index = ["--index-url", self.index] if self.index else []
        line = shlex.join(["pip", "install", *index, *self.arguments])
        return f"printf '%s\\n' {shlex.join(self.requirements)} | {line}" if self.requirements else line


def installs(
    packages: Sequence[str], without_deps: Sequence[str] = (), from_index: Sequence[tuple[str, str]] = ()
) -> list[Install]:
    """What to run, in this order, and nothing for nothing.

    without_deps: packages whose declared dependencies are not wanted; where one has `--hash=sha256:...`, nothing else
    is taken. from_index: requirements, each with the URL of the index that alone may give it.
    """
    found = [_from(url, [package for package, its in from_index if its == url]) for url in _urls(from_index)]
    # What stands already is kept: here its own dependencies are found.
    resolved = (*packages, *(package for package, _ in from_index))
    hashed = tuple(package for package in without_deps if "--hash=" in package)
    unhashed = [package for package in without_deps if package not in hashed]
    found += [Install(resolved)] if resolved else []
    found += [Install(("--no-deps", *unhashed))] if unhashed else []
    return found + ([Install(("--no-deps", "--require-hashes", "-r", "/dev/stdin"), hashed)] if hashed else [])


def _urls(from_index: Sequence[tuple[str, str]]) -> list[str]:
    return list(dict.fromkeys(url for _, url in from_index))


def _from(url: str, packages: Sequence[str]) -> Install:
    return Install(("--no-deps", *packages), index=url)
