"""`stack build`: what it says; what it makes is in `test_build.py` and `test_venv.py`."""

from __future__ import annotations

import pytest


def test_print_deps_only_prints_a_command_and_makes_nothing(stack, tmp_path):
    ended = stack("build", "--distro", "together", "--print-deps-only")
    assert ended.exit_code == 0
    assert ended.stdout.startswith("pip install ")
    assert not list(tmp_path.iterdir())


def test_the_packages_of_providers_are_printed_as_commands(stack):
    ended = stack("build", "--providers", "inference=onnx-embeddings", "--print-deps-only")
    assert [line.partition("pip install")[1] for line in ended.stdout.splitlines()] == ["pip install"] * 2
    assert "onnxruntime" in ended.stdout


def test_distributions_are_listed(stack):
    assert stack("build", "--list-distros").stdout == stack("list").stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "say `--distro`, `--config` or `--providers`; in a terminal, it asks"),
        (("--distro", "groq", "--providers", "inference=groq"), "say one of `--distro`, `--config` and `--providers`"),
        (("--distro", "groq", "--image-type", "container", "--run"), "`--run` serves from a venv"),
        (("--distro", "groq", "--in-place", "--plan"), "`--in-place` builds nothing: leave `--plan` out"),
        (("--distro", "groq", "--print-deps-only", "--run"), "`--print-deps-only` builds nothing: leave `--run` out"),
        (("--distro", "groq", "--in-place", "--print-deps-only"), "`--print-deps-only` builds nothing: leave `--in-"),
        (("--config", "no-such.yaml"), "'no-such.yaml' does not exist"),
        (("--providers", "inferense=groq"), "did you mean `inference`"),
    ],
)
def test_what_cannot_be_meant_is_refused(stack, arguments, message):
    ended = stack("build", *arguments)
    assert ended.exit_code == 2
    assert message in ended.stderr


def test_an_unknown_distribution_names_the_nearest(stack):
    ended = stack("build", "--distro", "togethr")
    assert ended.exit_code == 2
    assert "did you mean `together`" in ended.stderr


def test_an_environment_that_is_there_is_kept(stack, tmp_path):
    kept = tmp_path / "mine/venv/kept"
    kept.mkdir(parents=True)
    ended = stack("build", "--distro", "together", "--image-name", "mine")
    assert ended.exit_code == 2
    assert "`mine/venv` exists: say `--force`" in ended.stderr
    assert kept.is_dir()


@pytest.mark.parametrize("name", ["", "a b", "../up", "a: b"])
def test_an_image_name_is_one_word(stack, name):
    assert stack("build", "--distro", "together", "--image-name", name).exit_code == 2
