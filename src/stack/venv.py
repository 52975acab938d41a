"""A virtual environment made whole or not at all, with uv if it is there and with pip otherwise."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from stack.errors import ConfigError, StackError
from stack.installing import Install


class BuildFailed(StackError):
    """A command that makes an environment ended badly; what it said stands on stderr."""

    code = "build_failed"


def make_venv(path: Path, installs: Sequence[Install], *, replace: bool = False) -> None:
    """Make a virtual environment of this Python at `path`, with what is to be installed.

    replace: an environment that is there gives way once the new one is complete, and comes back if that fails.
    Raises: ConfigError if there is one and `replace` is not set, BuildFailed.
    """
    uv = _uv()
    if not uv and find_spec("ensurepip") is None:
        raise ConfigError("this Python cannot make virtual environments: run `apt install python3-venv`, or install uv")
    with in_place_of(path, replace):
        if uv:
            _run([*uv, "venv", "--quiet", "--python", sys.executable, str(path)])
        else:
            _run([sys.executable, "-m", "venv", str(path)])
        install_into(str(path / "bin/python"), installs)


def install_into(python: str, installs: Sequence[Install]) -> None:
    """Install into the environment of an interpreter. Raises: BuildFailed."""
    if uv := _uv():
        command = [*uv, "pip", "install", "--quiet", "--python", python, "--refresh-package", "stack"]
    else:
        command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    for install in installs:
        _run([*command, *install.arguments], "".join(f"{line}\n" for line in install.requirements))


def _uv() -> list[str]:
    """The command of uv, empty if it is not installed."""
    if on_path := shutil.which("uv"):
        return [on_path]
    return [sys.executable, "-m", "uv"] if find_spec("uv") else []


@contextmanager
def in_place_of(path: Path, replace: bool) -> Iterator[None]:
    """Room at `path` for the time of the block; scripts in an environment name its path, so none is made elsewhere."""
    previous = path.with_suffix(".previous")
    if previous.exists():  # a build was killed: what stands at `path` is half of an environment
        _discard(path)
        previous.rename(path)
    if path.exists():
        if not replace:
            raise ConfigError(f"`{path}` exists: say `--force` to replace it, or choose another `--output-dir`")
        path.rename(previous)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        _discard(path)
        if previous.exists():
            previous.rename(path)
        raise
    _discard(previous)


def _discard(path: Path) -> None:
    """Remove a folder at once as far as others see, so that half of one is never found under its name."""
    doomed = path.with_suffix(".discarded")
    shutil.rmtree(doomed, ignore_errors=True)
    if path.exists():
        path.rename(doomed)
        shutil.rmtree(doomed, ignore_errors=True)


def _run(command: list[str], given: str = "") -> None:
    # Results go to stdout, and the installer's lines are none.
    done = subprocess.run(command, input=given, text=True, stdout=2, check=False)  # noqa: S603
    if done.returncode:
        raise BuildFailed(f"`{shlex.join(command)}` ended with status {done.returncode}: nothing was built")
