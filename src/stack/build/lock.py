"""pylock.toml: what exactly a build installs, by hash, and in words that hold on any machine.

Source: PEP 751. Nothing in it tells which index answered: files of the index that a machine is configured with are
named as on PyPI, and an installation asks its own index for the name and the version, and takes only what has the hash.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from packaging.utils import canonicalize_name

from stack.build.origin import without_credentials
from stack.installing import Install

LOCK = "pylock.toml"
_OLDEST = re.compile(r">=[0-9]+(\.[0-9]+)*")
PYPI = "https://files.pythonhosted.org/packages"
# How PyPI and its mirrors lay out files: by the BLAKE2 digest of their content.
_LAID_OUT = re.compile(r"/packages/([0-9a-f]{2}/[0-9a-f]{2}/[0-9a-f]{60}/[^/]+)$")


@dataclass(frozen=True, slots=True)
class File:
    """One file of a package; `url` or `path` (relative to the lock) tells where it is. size: in bytes, if told."""

    name: str
    hashes: Mapping[str, str]
    url: str | None = None
    path: str | None = None
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Package:
    """One package at one version; one of `wheels` and `sdist`, or `archive`, or `vcs` is where it comes from.

    index: the URL of the index that its provider's row names, None for that of the machine. marker: where it is wanted.
    """

    name: str
    version: str | None
    marker: str | None = None
    index: str | None = None
    vcs: Mapping[str, str] | None = None
    archive: File | None = None
    sdist: File | None = None
    wheels: tuple[File, ...] = ()

    @property
    def files(self) -> list[File]:
        return [file for file in (self.archive, self.sdist, *self.wheels) if file]


@dataclass(frozen=True, slots=True)
class Lock:
    """inputs: digest of what was asked for: as long as it is the same, the lock answers it."""

    inputs: str
    requires_python: str
    packages: tuple[Package, ...] = field(default=())

    @property
    def oldest_python(self) -> str:
        """`3.11` of `>=3.11`."""
        return self.requires_python.removeprefix(">=")

    def installs(self, folder: Path | None) -> list[Install]:
        """What installs exactly this: one installation for each index, and one by revision.

        folder: that of the lock; None where it will be the folder that the installer works in.
        """
        found = []
        for index in sorted({package.index or "" for package in self.packages if not package.vcs}):
            lines = [_line(each, folder) for each in self.packages if not each.vcs and (each.index or "") == index]
            found.append(Install(("--no-deps", "--require-hashes", "-r", "/dev/stdin"), tuple(lines), index or None))
        if by_revision := [_line(package, folder) for package in self.packages if package.vcs]:
            found.append(Install(("--no-deps", "-r", "/dev/stdin"), tuple(by_revision)))
        return found


def read_lock(path: Path) -> Lock | None:
    """A lock that `stack build` wrote; None if there is none, or if it is another program's."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        inputs = data["tool"]["stack"]["inputs"]
        packages = tuple(map(_package, data["packages"]))
        requires_python = _OLDEST.fullmatch(data["requires-python"])
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, LookupError, TypeError, AttributeError):
        return None
    return Lock(str(inputs), requires_python[0], packages) if requires_python else None


def lock_from(resolved: str, inputs: str, staging: Path, indexes: Mapping[str, str]) -> Lock:
    """The lock that another program's pylock.toml comes to.

    staging: the folder that its local paths are below. indexes: the URL of the index of each package that has its own.
    """
    data = tomllib.loads(resolved)
    packages = [_portable(package, indexes, staging) for package in map(_package, data["packages"])]
    return Lock(inputs, data["requires-python"], tuple(packages))


def _package(table: Mapping[str, Any]) -> Package:
    vcs, archive, sdist = table.get("vcs"), table.get("archive"), table.get("sdist")
    return Package(
        name=table["name"],
        version=table.get("version"),
        marker=table.get("marker"),
        index=table.get("index"),
        vcs={key: str(value) for key, value in vcs.items()} if vcs else None,
        archive=_file(archive) if archive else None,
        sdist=_file(sdist) if sdist else None,
        wheels=tuple(map(_file, table.get("wheels", ()))),
    )


def _file(table: Mapping[str, Any]) -> File:
    url, path = table.get("url"), table.get("path")
    name = table.get("name") or unquote(urlsplit(str(url or path)).path.rpartition("/")[2])
    return File(name, dict(sorted(table["hashes"].items())), url, path, table.get("size"))


def _portable(package: Package, indexes: Mapping[str, str], staging: Path) -> Package:
    index = indexes.get(canonicalize_name(package.name))

    def named(file: File | None) -> File | None:
        if file is None:
            return None
        if package.archive:
            path = Path(file.path).relative_to(staging).as_posix() if file.path else None
            size = (staging / path).stat().st_size if path else file.size
            return File(file.name, file.hashes, without_credentials(file.url) if file.url else None, path, size)
        url = without_credentials(file.url) if index and file.url else _on_pypi(package.name, file)
        return File(file.name, file.hashes, url, None, file.size)

    vcs = {**package.vcs, "url": without_credentials(package.vcs["url"])} if package.vcs else None
    wheels = tuple(found for wheel in package.wheels if (found := named(wheel)))
    return Package(
        package.name, package.version, package.marker, index, vcs, named(package.archive), named(package.sdist), wheels
    )


def _on_pypi(project: str, file: File) -> str:
    """Where PyPI has a file, or would have it. Source: https://docs.pypi.org/api/ (predictable URLs)."""
    if file.url and (found := _LAID_OUT.search(urlsplit(file.url).path)):
        return f"{PYPI}/{found[1]}"
    tag = file.name.removesuffix(".whl").split("-")[-3] if file.name.endswith(".whl") else "source"
    name = canonicalize_name(project)
    return f"{PYPI}/{tag}/{name[0]}/{name}/{file.name}"


def _line(package: Package, folder: Path | None) -> str:
    """A requirement in pip's words."""
    if vcs := package.vcs:
        within = f"#subdirectory={vcs['subdirectory']}" if "subdirectory" in vcs else ""
        wanted = f"{package.name} @ {vcs['type']}+{vcs['url']}@{vcs['commit-id']}{within}"
    elif (file := package.archive) is None:
        wanted = f"{package.name}=={package.version}"
    elif file.path is None:
        wanted = f"{package.name} @ {file.url}"
    else:
        wanted = f"{package.name} @ {(folder / file.path).absolute().as_uri()}" if folder else f"./{file.path}"
    marker = f" ; {package.marker}" if package.marker else ""
    return " ".join([wanted + marker, *dict.fromkeys(_hash_options(package.files))])


def _hash_options(files: Sequence[File]) -> Iterator[str]:
    for file in files:
        for algorithm, digest in file.hashes.items():
            yield f"--hash={algorithm}:{digest}"
