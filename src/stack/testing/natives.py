"""Packages of native code that tests of models in this process need, in the environment of this Python.

    python -m stack.testing.natives     installs those that are not there; tests of the others are skipped

Their wheels are kept in `$STACK_TEST_WHEELS`, or in the user's cache, so that they are built and fetched once.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from packaging.tags import sys_tags

from stack.testing.engines import kept_in

INSTALL = "python -m stack.testing.natives"
# Wheels of a cache may be used on a machine that lacks instructions of the one that built them.
PORTABLE = "-DGGML_NATIVE=OFF"
# What PyPI has for Linux brings gigabytes of CUDA; builds for the CPU alone carry this label, on other indexes.
CPU = "+cpu" if sys.platform == "linux" else ""


@dataclass(frozen=True, slots=True)
class Native:
    """modules: what tests import. cost: of the first time. advice: what to do where it fails."""

    modules: tuple[str, ...]
    requirements: tuple[str, ...]
    cost: str
    advice: str

    def is_installed(self) -> bool:
        return all(find_spec(module) is not None for module in self.modules)


NATIVES = {
    "llama-cpp": Native(
        ("llama_cpp",),
        ("llama-cpp-python==0.3.36",),
        "some ten minutes of one core",
        "a compiler for C++ builds it, which `apt install g++` or `xcode-select --install` brings",
    ),
    "transformers": Native(
        ("torch", "transformers"),
        (f"torch==2.13.0{CPU}", "transformers==5.23.0"),
        "some 250 MB",
        "on Linux `PIP_EXTRA_INDEX_URL` must name an index of builds for the CPU: CONTRIBUTING.md tells which",
    ),
}


def install(native: Native) -> bool:
    """Install it if it is not there; False if that is not possible, for the reason that pip has printed."""
    if native.is_installed():
        return True
    try:
        wheels = _wheels(native)
        _pip("install", "--no-compile", "--no-index", f"--find-links={wheels}", *native.requirements)
    except subprocess.CalledProcessError:
        return False
    return True


def _wheels(native: Native) -> Path:
    """A folder of its wheels and of what they need; a half-done one never stands where a whole one is looked for."""
    name = "-".join(native.requirements).replace("==", "-")
    folder = kept_in("STACK_TEST_WHEELS", "test-wheels") / f"{name}-{next(sys_tags())}"
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix="made-", dir=folder.parent))
        try:
            _pip("wheel", "--prefer-binary", f"--wheel-dir={made}", *native.requirements)
            if not folder.exists():  # another run may have been faster
                made.rename(folder)
        finally:
            shutil.rmtree(made, ignore_errors=True)
    return folder


def _pip(*arguments: str) -> None:
    """Raises: CalledProcessError."""
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    subprocess.run(command, check=True, env={"CMAKE_ARGS": PORTABLE, **os.environ})  # noqa: S603


def main(natives: Iterable[tuple[str, Native]] = tuple(NATIVES.items())) -> int:
    """Tell what is done on stderr; 1 if something is missing at the end."""
    missing = 0
    for name, native in natives:
        if not native.is_installed():
            sys.stderr.write(f"{name}: installing it; the first time this takes {native.cost}\n")
        if install(native):
            sys.stderr.write(f"{name}: installed\n")
        else:
            missing = 1
            sys.stderr.write(f"{name}: not installed, so that its tests are skipped: {native.advice}\n")
    return missing


if __name__ == "__main__":
    sys.exit(main())
