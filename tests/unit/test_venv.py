"""Environments are made whole or not at all, and one that works is never lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from stack.errors import ConfigError
from stack.installing import Install
from stack.venv import BuildFailed, alone_in, make_venv, replacing


@pytest.fixture
def venv(tmp_path: Path) -> Path:
    """An environment that is there already, with `old` in it."""
    path = tmp_path / "venv"
    path.mkdir()
    (path / "old").touch()
    return path


def make(path: Path, *, replace: bool = True, error: BaseException | None = None) -> None:
    """Put a folder with `new` in it at `path`, and perhaps fail then."""
    with replacing(path, replace) as new:
        new.mkdir()
        (new / "new").touch()
        if error is not None:
            raise error


def contents(path: Path) -> dict[str, list[str]]:
    """What stands beside an environment, itself included, and what is in each."""
    return {each.name: [file.name for file in each.iterdir()] for each in path.parent.iterdir()}


def test_the_old_environment_gives_way_to_a_complete_one(venv):
    make(venv)
    assert contents(venv) == {"venv": ["new"]}


def test_the_old_environment_serves_while_the_new_one_is_made(venv):
    with replacing(venv, True) as new:
        new.mkdir()
        assert (venv / "old").exists()


def test_an_environment_is_not_replaced_unasked(venv):
    with pytest.raises(ConfigError, match="--force"):
        make(venv, replace=False)
    assert contents(venv) == {"venv": ["old"]}


@pytest.mark.parametrize("error", [BuildFailed("no"), KeyboardInterrupt()])
def test_the_old_environment_stays_when_the_new_one_fails(venv, error):
    with pytest.raises(type(error)):
        make(venv, error=error)
    assert contents(venv) == {"venv": ["old"]}


def test_a_build_that_was_killed_between_two_renames_is_undone_by_the_next(venv):
    venv.rename(venv.with_name("venv.previous"))
    with pytest.raises(ConfigError):
        make(venv, replace=False)
    assert contents(venv) == {"venv": ["old"]}


def test_what_a_killed_build_left_is_removed(venv):
    (venv.with_name("venv.new") / "half").mkdir(parents=True)
    make(venv)
    assert contents(venv) == {"venv": ["new"]}


def test_two_builds_do_not_work_in_one_folder(tmp_path):
    with alone_in(tmp_path), pytest.raises(ConfigError, match="another build is at work"), alone_in(tmp_path):
        pytest.fail("both are at work")
    with alone_in(tmp_path):
        assert not list(tmp_path.iterdir())


def test_a_build_that_fails_by_itself_is_not_told_as_another_one(tmp_path):
    with pytest.raises(BlockingIOError), alone_in(tmp_path):
        raise BlockingIOError


def test_scripts_name_the_place_where_the_environment_ends_up(tmp_path):
    with replacing(tmp_path / "venv", True) as new:
        (new / "bin").mkdir(parents=True)
        (new / "bin/tool").write_text(f"#!{new}/bin/python\nprint()\n")
        (new / "bin/binary").write_bytes(b"\0" + bytes(new / "lib"))
        (new / "bin/link").symlink_to("tool")
    made = tmp_path / "venv/bin"
    assert (made / "tool").read_text() == f"#!{made}/python\nprint()\n"
    assert b"venv.new" in (made / "binary").read_bytes()
    assert (made / "link").is_symlink()


def test_a_failed_installation_leaves_nothing(tmp_path, capfd):
    with pytest.raises(BuildFailed, match=r"install .*no-such-package` ended with status"):
        make_venv(tmp_path / "out/venv", [Install(("--no-index", "no-such-package"))])
    assert not list((tmp_path / "out").iterdir())
    assert "no-such-package" in capfd.readouterr().err
