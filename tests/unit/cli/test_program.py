"""The program itself: its names, its version, its help."""

from __future__ import annotations

import subprocess
import sys

import pytest

from stack.version import __version__


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_says_which_program_this_is(stack, flag):
    shown = stack(flag)
    assert shown.exit_code == 0
    assert "not the Haskell tool" in shown.stdout


def test_version_is_one_line(stack):
    assert stack("--version").stdout == f"stack {__version__}\n"


def test_python_m_stack_is_shown_as_such():
    done = subprocess.run([sys.executable, "-m", "stack", "run", "-h"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Usage: python -m stack run [OPTIONS] RUN_YAML|DISTRIBUTION")


@pytest.mark.parametrize("command", ["build", "check", "doctor", "list", "list-apis", "list-providers", "run"])
def test_every_command_has_a_summary_that_fits_its_line(stack, command):
    line = next(line for line in stack("--help").stdout.splitlines() if line.startswith(f"  {command} "))
    assert line.endswith(".")
    assert not line.endswith("...")


def test_a_file_that_cannot_be_written_is_one_line(stack, tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "old.yaml").write_text("providers: {}\n")
    ended = stack("upgrade", "old.yaml", "--output", "file/run.yaml")
    assert ended.exit_code == 1
    assert ended.stderr.endswith("`file`: file exists\n")


@pytest.mark.parametrize("config", ["~nobody-here/run.yaml", "x" * 5000])
def test_what_can_be_no_path_is_told_as_such(stack, config):
    ended = stack("check", config)
    assert ended.exit_code in (1, 2)
    assert config in ended.stderr


def test_an_unknown_command_is_wrong_usage(stack):
    assert stack("serve").exit_code == 2
