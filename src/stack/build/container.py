"""The files that a container image is built from: a Containerfile, and the lock in pip's words."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path

from stack.build.lock import Lock
from stack.build.origin import WHEELS
from stack.distribution import DistributionTemplate
from stack.distribution.pages import fill

CONTAINERFILE = "Containerfile"
REQUIREMENTS = "requirements"


def image_tag(name: str) -> str:
    """What an image may be called for a stack of that name. Source: https://github.com/distribution/reference"""
    name = name.lower()
    if re.fullmatch(r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*", name):
        return name
    return re.sub(r"[^a-z0-9]+", "-", name).strip("-") or "stack"


def container_files(template: DistributionTemplate, lock: Lock) -> Mapping[str, str]:
    """Relative path -> text of what is needed besides build.yaml, run.yaml, pylock.toml and the wheels.

    The requirements are the lock's, for an installer that goes by the index of wherever the image is built.
    """
    files = {f"{REQUIREMENTS}/{name}": text for name, text in _requirements(lock).items()}
    text = fill(
        CONTAINERFILE,
        name=image_tag(template.name),
        base=template.container_image
        or f"docker.io/library/python:{sys.version_info.major}.{sys.version_info.minor}-slim",
        requirements=[Path(name).name for name in files],
        wheels=any(package.archive and package.archive.path for package in lock.packages),
    )
    ignored = "*\n" + "".join(f"!{name}\n" for name in ("build.yaml", "run.yaml", "pylock.toml", REQUIREMENTS, WHEELS))
    return {**files, CONTAINERFILE: text, ".containerignore": ignored, ".dockerignore": ignored}


def _requirements(lock: Lock) -> Mapping[str, str]:
    """One file for each installation; what pip takes only on its command line is left for there."""
    found = {}
    for number, install in enumerate(lock.installs(None), start=1):
        options = ["--require-hashes"] if "--require-hashes" in install.arguments else []
        options += [f"--index-url {install.index}"] if install.index else []
        found[f"{number}.txt"] = "".join(f"{line}\n" for line in (*options, *install.requirements))
    return found
