"""A build in two steps: a plan, which touches nothing, and what carries it out."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from stack.build.blueprint import BUILD_YAML, RUN_YAML, Blueprint
from stack.build.container import container_files, image_tag
from stack.build.downloads import Downloads, downloads
from stack.build.lock import LOCK, Lock, read_lock
from stack.build.lock_text import lock_text
from stack.build.origin import WHEELS
from stack.build.resolving import resolve
from stack.build.wanted import Wanted, pip_installs, wanted
from stack.distribution import DistributionTemplate
from stack.distribution.render import SCHEMA
from stack.errors import ConfigError
from stack.installing import Install
from stack.venv import VENV, alone_in, install_into, make_venv, uv_command

# The folders that `origin` names by a digest: any other one below `wheels` is somebody's own.
_OUR_WHEELS = f"{WHEELS}/{'[0-9a-f]' * 16}/*.whl"
GET_UV = "`pip install uv`"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a build would do. lock: None without uv; previous: the lock that it replaces. staging: holds its wheels."""

    blueprint: Blueprint
    folder: Path
    staging: Path
    texts: Mapping[str, str]
    parties: tuple[Wanted, ...]
    offline: bool
    lock: Lock | None
    previous: Lock | None
    downloads: Downloads | None

    @property
    def is_container(self) -> bool:
        return self.blueprint.template.image_type == "container"

    @property
    def next_command(self) -> list[str]:
        """What serves the stack, or makes the image that does."""
        if self.is_container:
            tag = image_tag(self.blueprint.template.name)
            return ["podman", "build", "--format", "docker", "--tag", tag, str(self.folder)]
        return [str(self.folder / VENV / "bin/stack"), "run", str(self.folder / RUN_YAML)]


@contextmanager
def planned(blueprint: Blueprint, folder: Path, *, offline: bool = False, upgrade: bool = False) -> Iterator[Plan]:
    """The plan of a build in `folder`, good for the time of the block; nothing of it is written there.

    offline: nobody is asked. upgrade: newer versions than those of the lock that is there.
    Raises: ConfigError, BuildFailed.
    """
    texts, parties = blueprint.texts(folder), wanted(blueprint.template)
    with tempfile.TemporaryDirectory(prefix="stack-build-") as made:
        staging = Path(made).resolve()
        lock = fetched = None
        if uv_command():
            lock = resolve(parties, staging, previous=folder / LOCK, upgrade=upgrade, offline=offline)
            fetched = downloads(lock, staging, offline=offline)
        elif blueprint.template.image_type == "container":
            raise ConfigError(f"a container is built from a lock, and only uv makes one: run {GET_UV}")
        previous = read_lock(folder / LOCK)
        yield Plan(blueprint, folder, staging, texts, tuple(parties), offline, lock, previous, fetched)


def build(plan: Plan, *, replace: bool = False) -> list[Path]:
    """Carry a plan out; the files that were written. What stood in the folder before stays if anything fails.

    replace: an environment that is there gives way. Raises: ConfigError, BuildFailed.
    """
    fresh = not plan.folder.exists()
    plan.folder.mkdir(parents=True, exist_ok=True)
    with alone_in(plan.folder):
        added: list[Path] = []
        try:
            _add_wheels(plan, added)
            if not plan.is_container:
                installs = plan.lock.installs(plan.folder) if plan.lock else pip_installs(plan.parties)
                make_venv(plan.folder / VENV, installs, replace=replace, offline=plan.offline)
        except BaseException:
            for folder in added:
                shutil.rmtree(folder)
            _remove_empty([plan.folder / WHEELS, *([plan.folder] if fresh else [])])
            raise
        return [*_write_lock(plan), *_write_texts(plan)]


def install_in_place(template: DistributionTemplate, *, offline: bool = False) -> None:
    """Install what the providers of a template need into the environment of this process. Raises: BuildFailed."""
    install_into(sys.executable, pip_installs(wanted(template, own=False)), offline=offline)


def command_lines(template: DistributionTemplate) -> list[Install]:
    """What a person would type to get the same packages, unlocked. Raises: ConfigError."""
    return pip_installs(wanted(template))


def _add_wheels(plan: Plan, added: list[Path]) -> None:
    """Copy the wheels that are not there yet, each whole or not at all; `added` gets the folder of each."""
    for wheel in sorted(plan.staging.glob(_OUR_WHEELS)):
        kept = plan.folder / wheel.relative_to(plan.staging)
        if not kept.exists():
            added.append(kept.parent)
            kept.parent.mkdir(parents=True, exist_ok=True)
            part = kept.with_name(f"{kept.name}.part")
            shutil.copyfile(wheel, part)
            part.replace(kept)


def _remove_empty(folders: list[Path]) -> None:
    for folder in folders:
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def _write_lock(plan: Plan) -> Iterator[Path]:
    path = plan.folder / LOCK
    # It tells of another environment than the one that stands here now, or was written by somebody else.
    if path.exists() and (plan.lock is None or plan.previous is None):
        yield path.rename(path.with_name(f"{LOCK}.old"))
    if plan.lock is None:
        return
    new = path.with_name(f"{LOCK}.new")
    new.write_text(lock_text(plan.lock), encoding="utf-8")
    yield new.replace(path)  # half of it would be none, and its versions forgotten
    named = {file.path for package in plan.lock.packages for file in package.files}
    for wheel in plan.folder.glob(_OUR_WHEELS):
        if wheel.relative_to(plan.folder).as_posix() not in named:
            shutil.rmtree(wheel.parent)


def _write_texts(plan: Plan) -> Iterator[Path]:
    (plan.folder / SCHEMA).write_text(plan.texts[SCHEMA], encoding="utf-8")
    for name in (BUILD_YAML, RUN_YAML):
        if path := _written(plan.folder / name, plan.texts[name], plan.blueprint):
            yield path
    if plan.is_container and plan.lock:
        for name, text in container_files(plan.blueprint.template, plan.lock).items():
            path = plan.folder / name
            path.parent.mkdir(exist_ok=True)
            if path.parent == plan.folder and path.is_file() and path.read_bytes() != text.encode():
                yield path.rename(path.with_name(f"{name}.old"))  # somebody may have edited it
            path.write_text(text, encoding="utf-8")
            yield path


def _written(path: Path, text: str, blueprint: Blueprint) -> Path | None:
    """Where the text went: beside a file that says something else, which somebody may have edited."""
    if path.is_file() and path.read_bytes().decode("utf-8-sig", "replace") != text:
        if path.samefile(blueprint.template.file or path.parent):
            return None  # it is what was asked for, in its own words
        path = path.with_name(f"{path.name}.new")
    path.write_text(text, encoding="utf-8")
    return path
