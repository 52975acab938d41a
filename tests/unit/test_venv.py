"""Environments are made whole or not at all, and one that works is never lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from stack.errors import ConfigError
from stack.installing import Install
from stack.venv import BuildFailed, in_place_of, make_venv


@pytest.fixture
def venv(tmp_path: Path) -> Path:
    """An environment that is there already, with `old` in it."""
    path = tmp_path / "venv"
    path.mkdir()
    (path / "old").touch()
    return path


def make(path: Path, *, replace: bool = True, error: BaseException | None = None) -> None:
    """Put a folder with `new` in it at `path`, and perhaps fail then."""
    with in_place_of(path, replace):
        path.mkdir()
        (path / "new").touch()
        if error is not None:
            raise error


def contents(path: Path) -> dict[str, list[str]]:
    """What stands beside an environment, itself included, and what is in each."""
    return {each.name: [file.name for file in each.iterdir()] for each in path.parent.iterdir()}


def test_the_old_environment_gives_way_to_a_complete_one(venv):
    make(venv)
    assert contents(venv) == {"venv": ["new"]}


def test_an_environment_is_not_replaced_unasked(venv):
    with pytest.raises(ConfigError, match="--force"):
        make(venv, replace=False)
    assert contents(venv) == {"venv": ["old"]}


@pytest.mark.parametrize("error", [BuildFailed("no"), KeyboardInterrupt()])
def test_the_old_environment_comes_back_when_the_new_one_fails(venv, error):
    with pytest.raises(type(error)):
        make(venv, error=error)
    assert contents(venv) == {"venv": ["old"]}


def test_a_build_that_was_killed_is_undone_by_the_next(venv):
    venv.rename(venv.with_name("venv.previous"))
    (venv / "half").mkdir(parents=True)
    with pytest.raises(ConfigError):
        make(venv, replace=False)
    assert contents(venv) == {"venv": ["old"]}


def test_what_an_interrupted_removal_left_is_removed(venv):
    venv.with_name("venv.discarded").mkdir()
    make(venv)
    assert contents(venv) == {"venv": ["new"]}


def test_a_failed_installation_leaves_nothing(tmp_path, capfd):
    with pytest.raises(BuildFailed, match=r"install .*no-such-package` ended with status"):
        make_venv(tmp_path / "out/venv", [Install(("--no-index", "no-such-package"))])
    assert not list((tmp_path / "out").iterdir())
    assert "no-such-package" in capfd.readouterr().err
