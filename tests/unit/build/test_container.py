"""The files of a container, against golden ones; `golden/` is written anew by hand, never by a test."""

from __future__ import annotations

from pathlib import Path

import pytest

from stack.build.container import container_files, image_tag
from stack.build.lock import File, Lock, Package
from stack.distribution import get_distribution_template

GOLDEN = Path(__file__).parent / "golden"
SHA = {"sha256": "0" * 64}
OWN = Package("stack", "9", archive=File("stack-9-py3-none-any.whl", SHA, path="wheels/00/stack-9-py3-none-any.whl"))
ACME = Package("acme", "1", marker="sys_platform == 'linux'", wheels=(File("acme-1-py3-none-any.whl", SHA, url="u"),))
TORCH = Package("torch", "2", index="https://wheels.example/cpu", wheels=(File("torch-2-py3-none-any.whl", SHA),))
FORKED = Package("forked", None, vcs={"type": "git", "url": "https://git.example/f", "commit-id": "abc"})
IMAGE = "docker.io/library/python:3.12-slim"


def files(*packages: Package) -> dict[str, str]:
    template = get_distribution_template("playground").model_copy(update={"container_image": IMAGE})
    return dict(container_files(template, Lock("inputs", ">=3.11", packages)))


def test_the_containerfile_is_the_golden_one():
    assert files(OWN, ACME, TORCH, FORKED)["Containerfile"] == (GOLDEN / "Containerfile").read_text()


def test_the_requirements_are_those_of_the_lock():
    found = files(OWN, ACME, TORCH, FORKED)
    names = [name for name in found if name.startswith("requirements/")]
    assert "".join(f"# {name}\n{found[name]}" for name in names) == (GOLDEN / "requirements.txt").read_text()


def test_an_image_of_packages_from_an_index_alone_copies_no_wheels():
    assert "COPY wheels/" not in files(ACME)["Containerfile"]


@pytest.mark.parametrize(
    ("name", "tag"),
    [("my_stack.2", "my_stack.2"), ("My-Stack", "my-stack"), ("a b-", "a-b"), ("-", "stack"), ("x\nRUN y", "x-run-y")],
)
def test_an_image_is_called_as_an_image_may_be(name, tag):
    assert image_tag(name) == tag
    template = get_distribution_template("playground").model_copy(update={"name": name})
    assert f"--tag {tag} ." in container_files(template, Lock("inputs", ">=3.11"))["Containerfile"]


def test_nothing_but_what_is_copied_is_sent_to_the_builder():
    ignored = files(OWN)[".containerignore"].splitlines()
    assert ignored[0] == "*"
    assert "!run.yaml" in ignored


def test_no_key_is_in_the_image():
    assert "ENV STACK_API_KEYS" not in (GOLDEN / "Containerfile").read_text()
    assert "--insecure" not in (GOLDEN / "Containerfile").read_text()
