"""A lock as text: TOML in one fixed order, so that the same lock is always the same bytes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from stack.build.lock import File, Lock, Package

HEADER = "# Made by `stack build`: what it installs, by hash (PEP 751). Keep it with build.yaml."


def lock_text(lock: Lock) -> str:
    """The text of pylock.toml."""
    lines = [HEADER, 'lock-version = "1.0"', f"requires-python = {_text(lock.requires_python)}", 'created-by = "stack"']
    lines += [line for package in lock.packages for line in _package(package)]
    return "\n".join([*lines, "", "[tool.stack]", f"inputs = {_text(lock.inputs)}", ""])


def _package(package: Package) -> Iterator[str]:
    yield ""
    yield "[[packages]]"
    words = {"name": package.name, "version": package.version, "marker": package.marker, "index": package.index}
    yield from (f"{key} = {_text(value)}" for key, value in words.items() if value is not None)
    if package.vcs:
        yield f"vcs = {_inline({key: _text(value) for key, value in sorted(package.vcs.items())})}"
    if package.archive:
        yield f"archive = {_file(package.archive, named=False)}"
    if package.sdist:
        yield f"sdist = {_file(package.sdist)}"
    if package.wheels:
        yield "wheels = ["
        yield from (f"    {_file(wheel)}," for wheel in package.wheels)
        yield "]"


def _file(file: File, *, named: bool = True) -> str:
    name = {"name": _text(file.name)} if named else {}
    where = {"path": _text(file.path)} if file.path else {"url": _text(file.url or "")}
    size = {"size": str(file.size)} if file.size is not None else {}
    hashes = {algorithm: _text(digest) for algorithm, digest in file.hashes.items()}
    return _inline({**name, **where, **size, "hashes": _inline(hashes)})


def _inline(values: Mapping[str, str]) -> str:
    return "{ " + ", ".join(f"{key} = {value}" for key, value in values.items()) + " }"


def _text(value: str) -> str:
    """A TOML basic string: JSON's, but that it cannot hold half of a surrogate pair."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
