"""How packages are asked for: what each `pip install` is told, and the line that a person would type."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Install:
    """One `pip install`. requirements: what it reads from its input, where options such as `--hash` may stand."""

    arguments: tuple[str, ...]
    requirements: tuple[str, ...] = ()

    def __str__(self) -> str:
        """The line for a shell."""
        line = shlex.join(["pip", "install", *self.arguments])
        return f"printf '%s\\n' {shlex.join(self.requirements)} | {line}" if self.requirements else line


def installs(packages: Sequence[str], without_deps: Sequence[str] = ()) -> list[Install]:
    """What to run, in this order, and nothing for nothing.

    without_deps: pinned packages whose declared dependencies are not wanted, each with `--hash=sha256:...`.
    """
    second = Install(("--no-deps", "--require-hashes", "-r", "/dev/stdin"), tuple(without_deps))
    return [*([Install(tuple(packages))] if packages else []), *([second] if without_deps else [])]
