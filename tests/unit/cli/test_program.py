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


def test_an_unknown_command_is_wrong_usage(stack):
    assert stack("serve").exit_code == 2
