"""A virtual environment, made beside the one that is there: it takes its place when it is complete, or never."""

from __future__ import annotations

import fcntl
import os
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

VENV = "venv"  # what the folder of a build holds
INDEX_OPTION = {True: "--default-index", False: "--index-url"}  # of uv, whose `--index-url` gives way to its variables


class BuildFailed(StackError):
    """A command that makes an environment ended badly; what it said stands on stderr."""

    code = "build_failed"


def make_venv(path: Path, installs: Sequence[Install], *, replace: bool = False, offline: bool = False) -> None:
    """Make a virtual environment of this Python at `path`, with what is to be installed.

    replace: an environment that is there serves on until the new one is complete, and stays if that fails.
    offline: take packages from uv's cache and from folders alone. Whoever calls is `alone_in` the folder that it is in.
    Raises: ConfigError if there is one and `replace` is not set; BuildFailed.
    """
    uv = uv_command()
    if not uv and find_spec("ensurepip") is None:
        raise ConfigError("this Python cannot make virtual environments: run `apt install python3-venv`, or install uv")
    with replacing(path, replace) as new:
        if uv:
            _run([*uv, "venv", "--quiet", "--python", sys.executable, str(new)])
        else:
            _run([sys.executable, "-m", "venv", str(new)])
        install_into(str(new / "bin/python"), installs, offline=offline)


def install_into(python: str, installs: Sequence[Install], *, offline: bool = False) -> None:
    """Install into the environment of an interpreter; progress goes to stderr. Raises: BuildFailed."""
    if uv := uv_command():
        command = [*uv, "pip", "install", "--python", python, *(["--offline"] if offline else [])]
    else:
        command = [python, "-m", "pip", "install", "--disable-pip-version-check", *(["--no-index"] if offline else [])]
    for install in installs:
        index = [INDEX_OPTION[bool(uv)], install.index] if install.index else []
        _run([*command, *index, *install.arguments], "".join(f"{line}\n" for line in install.requirements))


def uv_command() -> list[str]:
    """The command of uv, empty if it is not installed."""
    if on_path := shutil.which("uv"):
        return [on_path]
    return [sys.executable, "-m", "uv"] if find_spec("uv") else []


def require_room(path: Path) -> None:
    """Raises: ConfigError, if something stands at `path`."""
    if path.exists():
        raise ConfigError(f"`{path}` exists: say `--force` to replace it, or choose another `--output-dir`")


@contextmanager
def replacing(path: Path, replace: bool) -> Iterator[Path]:
    """A path beside `path`; what the block makes there takes the place of what stands at `path`, if it ends well."""
    new, previous = path.with_name(f"{path.name}.new"), path.with_name(f"{path.name}.previous")
    path.parent.mkdir(parents=True, exist_ok=True)
    if previous.exists() and not path.exists():  # a build was killed between the two renames below
        previous.rename(path)
    if not replace:
        require_room(path)
    shutil.rmtree(new, ignore_errors=True)
    shutil.rmtree(previous, ignore_errors=True)
    try:
        yield new
        _readdress(new, path)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise
    if path.exists():
        path.rename(previous)
    new.rename(path)
    shutil.rmtree(previous, ignore_errors=True)


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Refuse to work where another build does. The lock is the folder's own: it leaves no file, and ends with us.

    Raises: ConfigError.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigError(f"another build is at work in `{folder}`: wait for its end") from error
        yield
    finally:
        os.close(descriptor)


def _readdress(made_at: Path, path: Path) -> None:
    """Put an environment's final path in the place of the one it was made at: its scripts name their interpreter."""
    addresses = {
        os.fsencode(made_at.absolute()): os.fsencode(path.absolute()),
        os.fsencode(made_at.resolve()): os.fsencode(path.parent.resolve() / path.name),
    }
    for script in (made_at / "bin").glob("*"):
        if script.is_symlink() or not script.is_file():
            continue
        text = script.read_bytes()
        if b"\0" not in text and any(old in text for old in addresses):
            for old, new in addresses.items():
                text = text.replace(old, new)
            script.write_bytes(text)


def _run(command: list[str], given: str = "") -> None:
    # Results go to stdout, and the installer's lines are none.
    done = subprocess.run(command, input=given, text=True, stdout=2, check=False)  # noqa: S603
    if done.returncode:
        raise BuildFailed(f"`{shlex.join(command)}` ended with status {done.returncode}: nothing was built")
