"""Files of this machine that are to be added to a vector store: found below paths, told apart by their own."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Source:
    """A file. key: its path as it was said, with `/` between names; the same in every run that says it so."""

    path: Path
    key: str


def find_sources(
    paths: Iterable[Path], *, recursive: bool = False, include: Sequence[str] = (), exclude: Sequence[str] = ()
) -> list[Source]:
    """Files that are named, and those of folders that are named, each once, in order.

    recursive: those of folders within as well; links to folders are not followed. Names that begin with a dot are left
    out. include, exclude: patterns of a name, or of a path within the folder that is named. Raises: OSError.
    """
    found: dict[str, Source] = {}
    for named in paths:
        inside = _files(named, recursive) if named.is_dir() else iter([Path()])
        for relative in inside:
            if relative != Path() and not _is_wanted(relative, include, exclude):
                continue
            path = named / relative
            key = Path(os.path.normpath(path)).as_posix()
            found.setdefault(key, Source(path, key))
    return list(found.values())


def _files(folder: Path, recursive: bool) -> Iterator[Path]:
    """Paths within a folder."""
    for parent, folders, names in os.walk(folder, onerror=_raise):
        folders[:] = sorted(name for name in folders if not name.startswith(".")) if recursive else []
        for name in sorted(names):
            path = Path(parent, name)
            if not name.startswith(".") and path.is_file():
                yield path.relative_to(folder)


def _raise(error: OSError) -> None:
    raise error


def _is_wanted(relative: Path, include: Sequence[str], exclude: Sequence[str]) -> bool:
    def matches(patterns: Sequence[str]) -> bool:
        return any(fnmatch(relative.name, each) or fnmatch(relative.as_posix(), each) for each in patterns)

    return (not include or matches(include)) and not matches(exclude)
