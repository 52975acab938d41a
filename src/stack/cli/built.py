"""The environment that `stack build` made beside a run.yaml, where another one reads the file."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stack.config.models import RunConfig


def lacks_packages(config: RunConfig) -> bool:
    """Whether a provider will fail for want of packages."""
    from stack.errors import MissingPackage
    from stack.registry.contract import require_packages

    try:
        for instance in (each for listed in config.providers.values() for each in listed):
            if isinstance(instance.error, MissingPackage):
                return True
            require_packages(instance.spec)
    except MissingPackage:
        return True
    return False


def remark(file: str, command: str) -> str | None:
    """What to say instead, if packages are missing here that an environment beside the file may hold."""
    from stack.venv import VENV

    folder = Path(file).parent
    program = folder / VENV / "bin/stack"
    if not program.is_file() or os.path.realpath(sys.prefix) == os.path.realpath(folder / VENV):
        return None
    return f"the environment that was built for it is another one: say `{program} {command} {file}`"
