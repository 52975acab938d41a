"""Builds without uv, builds of containers, and builds that are talked through in a terminal."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from stack.distribution import get_distribution_template

MADE = Path("made")
PATIENCE_S = 30


def installed() -> set[str]:
    found = MADE.glob("venv/lib/python3*/site-packages/*.dist-info")
    return {path.name.removesuffix(".dist-info") for path in found} - {p for p in map(str, found) if "pip" in p}


@pytest.fixture
def small(index, build_yaml) -> str:
    index.add("x")
    path: str = build_yaml(a={"packages": ("x",)})
    return path


def test_pip_builds_where_there_is_no_uv_and_says_that_nothing_is_locked(stack, small, without_uv):
    ended = stack("build", "--config", small)
    assert ended.exit_code == 0, ended.output
    assert {"stack-9", "acme-1", "x-1"} <= installed()
    assert not (MADE / "pylock.toml").exists()
    assert "uv is not installed: pip installs what is newest today" in ended.stderr
    said = subprocess.run(ended.stdout.split(), capture_output=True, text=True, check=True).stdout
    assert said == "served run made/run.yaml\n"


def test_a_lock_that_no_longer_holds_is_set_aside(stack, small, without_uv):
    (MADE / "pylock.toml").write_text("old")
    stack("build", "--config", small)
    assert (MADE / "pylock.toml.old").read_text() == "old"
    assert not (MADE / "pylock.toml").exists()


def test_a_plan_without_uv_tells_each_package_once_and_how_it_is_installed(stack, index, build_yaml, without_uv):
    config = build_yaml(a={"packages": ("x",)}, b={"packages": ("x",), "packages_no_deps": ("y==1",)})
    ended = stack("build", "--config", config, "--plan")
    assert ended.exit_code == 0, ended.output
    plan = ended.stdout.partition("unlocked, since uv is not installed: `pip install uv` mends it\n")[2].splitlines()
    assert plan[0].endswith(" acme==1 x")
    assert plan[1:] == ["  pip install --no-deps y==1"]


def test_pip_does_not_pretend_to_make_a_container(stack, small, without_uv):
    ended = stack("build", "--config", small, "--image-type", "container")
    assert ended.exit_code == 2
    assert "only uv makes one: run `pip install uv`" in ended.stderr


@pytest.fixture
def container(stack, small) -> Path:
    ended = stack("build", "--config", small, "--image-type", "container", "--output-dir", "image")
    assert ended.exit_code == 0, ended.output
    assert ended.stdout == "podman build --format docker --tag made image\n"
    return Path("image")


def test_a_container_is_a_folder_of_files_and_no_environment(container):
    files = {path.relative_to(container).as_posix() for path in container.rglob("*") if path.is_file()}
    (own,) = [name for name in files if name.startswith("wheels/")]
    listed = {"Containerfile", ".containerignore", ".dockerignore", "build.yaml", "run.yaml", "pylock.toml"}
    assert files == {*listed, "run.schema.json", "requirements/1.txt", own}
    assert yaml.safe_load((container / "build.yaml").read_text())["image_type"] == "container"


def test_an_edited_containerfile_is_set_aside(stack, container):
    made = (container / "Containerfile").read_text()
    (container / "Containerfile").write_text(f"{made}# mine\n")
    ended = stack("build", "--config", "made/build.yaml", "--image-type", "container", "--output-dir", "image")
    assert "wrote `image/Containerfile.old`" in ended.stderr
    assert (container / "Containerfile.old").read_text() == f"{made}# mine\n"
    assert (container / "Containerfile").read_text() == made
    assert [path.name for path in container.rglob("*.old")] == ["Containerfile.old"]


def test_the_first_stage_of_the_containerfile_installs_the_lock(container, tmp_path):
    stage = (container / "Containerfile").read_text().partition("\n\nFROM ")[0]
    environ = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    for command in re.findall(r"^RUN (.*)$", stage, re.MULTILINE):
        command = command.replace("/opt/stack", str(tmp_path / "opt"))
        subprocess.run(command, shell=True, cwd=container, env=environ, check=True, capture_output=True)
    said = subprocess.run([tmp_path / "opt/bin/stack", "run"], capture_output=True, text=True, check=True).stdout
    assert said == "served run\n"


def test_a_container_is_not_run_by_the_builder(stack, small):
    ended = stack("build", "--config", small, "--image-type", "container", "--run")
    assert ended.exit_code == 2
    assert "`--run` serves from a venv" in ended.stderr


class Terminal:
    """A program in a terminal: what it prints is read until it asks, and then answered."""

    def __init__(self, *arguments: str) -> None:
        self.said = ""
        environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "TERM": "dumb"}
        self._ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "stack", *arguments], stdin=theirs, stdout=theirs, stderr=theirs, env=environ
        )
        os.close(theirs)

    def answer(self, question: str, text: str) -> None:
        """Raises: AssertionError, if the question does not come."""
        self._read_until(lambda said: question in said)
        self.said = self.said.partition(question)[2]
        os.write(self._ours, f"{text}\n".encode())

    def end(self) -> tuple[int, str]:
        """The exit status, and what was said since the last answer."""
        self._read_until(lambda said: False)
        os.close(self._ours)
        return self.process.wait(PATIENCE_S), self.said

    def _read_until(self, enough: Callable[[str], bool]) -> None:
        while not enough(self.said):
            ready, _, _ = select.select([self._ours], [], [], PATIENCE_S)
            assert ready, f"nothing more came after: {self.said}"
            try:
                self.said += os.read(self._ours, 4096).decode()
            except OSError:  # it has ended
                return


@pytest.fixture
def terminal(stack) -> Iterator[Callable[..., Terminal]]:
    """`terminal("build")`; `stack` has set the environment up."""
    started: list[Terminal] = []

    def terminal(*arguments: str) -> Terminal:
        started.append(Terminal(*arguments))
        return started[-1]

    yield terminal
    for each in started:
        each.process.kill()
        each.process.wait()


def test_a_guided_build_takes_numbers_and_names(terminal):
    guide = terminal("build")
    guide.answer("Name of the stack [my-stack]:", "talked")
    guide.answer("Build a (venv, container) [venv]:", "")
    guide.answer("inference: Models: chat, completions", "inference")
    guide.answer("Numbers or names", "grok")
    guide.answer("`grok` is not in the list: did you mean `groq`", "playground, remote::groq")
    guide.answer("Build it? [Y/n]:", "")
    status, said = guide.end()
    assert status == 0, said
    assert "talked/venv/bin/stack run talked/run.yaml" in said
    providers = yaml.safe_load(Path("talked/build.yaml").read_text())["distribution_spec"]["providers"]
    assert [each["provider_type"] for each in providers["inference"]] == ["inline::playground", "remote::groq"]


def test_every_question_has_an_answer_already_and_the_last_one_can_be_no(terminal):
    guide = terminal("build")
    guide.answer("Name of the stack [my-stack]:", "")
    guide.answer("Build a (venv, container) [venv]:", "")
    apis = sorted(get_distribution_template("starter").providers)
    for title in ("APIs", *(f"Providers of {api}" for api in apis)):
        guide.answer(title, "")
    guide.answer("Build it? [Y/n]:", "n")
    status, _ = guide.end()
    assert status == 1
    assert not Path("my-stack").exists()


def test_a_guided_build_shows_the_line_that_says_the_same(terminal):
    guide = terminal("build")
    guide.answer("Name of the stack", "x")
    guide.answer("Build a", "container")
    guide.answer("Numbers or names", "inference")
    guide.answer("Numbers or names", "playground")
    line = "stack build --providers inference=inline::playground --image-type container --image-name x"
    guide.answer(line, "n")
    assert guide.end()[0] == 1
