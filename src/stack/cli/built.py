"""The environment that `stack build` made beside a run.yaml, where another one reads the file."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def remark(file: str, command: str) -> str | None:
    """What to say instead, if packages are missing here that an environment beside the file may hold."""
    from stack.build.building import VENV

    folder = Path(file).parent
    program = folder / VENV / "bin/stack"
    if not program.is_file() or os.path.realpath(sys.prefix) == os.path.realpath(folder / VENV):
        return None
    return f"the environment that was built for it is another one: say `{program} {command} {file}`"
