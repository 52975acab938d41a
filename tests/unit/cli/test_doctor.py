"""`stack doctor`: what it prints, where, and how it ends."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from io import FileIO
from pathlib import Path

import pytest

from stack.testing.server_process import free_port
from stack.testing.upstream import upstream_thread

REMOTE = """\
providers:
  inference:
  - provider_id: here
    provider_type: remote::openai-compatible
    config: {base_url: "${env.HERE_URL}", api_key: "${env.HERE_KEY:=}"}
  - {provider_id: "${env.GROQ_API_KEY:+groq}", provider_type: remote::groq}
"""


@pytest.fixture
def doctor(stack, tmp_path):
    """`doctor("--env", ...)`: of a file with one remote provider that is on and one that is off."""
    (tmp_path / "run.yaml").write_text(f"{REMOTE}server: {{port: {free_port()}}}\n")
    return lambda *arguments: stack("doctor", "run.yaml", "--timeout", "60", *arguments)


def until_closed(terminal: FileIO) -> Iterator[bytes]:
    with contextlib.suppress(OSError):  # how a terminal ends
        while block := terminal.read(4096):
            yield block


def rows(output: str) -> list[list[str]]:
    return [line.split(maxsplit=2) for line in output.split("\n\n")[0].splitlines()[1:]]


def test_all_is_well(doctor):
    with upstream_thread() as upstream:
        ended = doctor("--env", f"HERE_URL={upstream.base_url}")
    assert ended.exit_code == 0
    assert ["here", "connect", "ok"] in rows(ended.stdout)
    assert ["remote::groq", "-", "off: set GROQ_API_KEY"] in rows(ended.stdout)
    assert ended.stdout.endswith("run.yaml: all is well\n")


def test_what_is_wrong_stands_below_with_the_line_that_mends_it(doctor):
    with upstream_thread() as upstream:
        ended = doctor("--env", f"HERE_URL={upstream.base_url_with('fault-401')}", "--env", "HERE_KEY=sk-canary")
    assert ended.exit_code == 1
    assert ["here", "credential", "failed"] in rows(ended.stdout)
    assert "\nhere, credential: failed: refused with status 401\n    export HERE_KEY=...\n" in ended.stdout
    assert "canary" not in ended.output


def test_a_warning_is_no_failure(doctor):
    with upstream_thread() as upstream:
        ended = doctor("--env", f"HERE_URL={upstream.base_url_with('fault-404')}")
    assert ended.exit_code == 0
    assert "here, models: warning: it answers" in ended.stdout
    assert ended.stdout.endswith("nothing is wrong; warnings: 1\n")


def test_time_is_as_long_as_said(doctor):
    with upstream_thread() as upstream:
        ended = doctor("--env", f"HERE_URL={upstream.base_url_with('fault-hang')}", "--timeout", "0.2")
    assert " within 0.2 s" in ended.stdout  # of whichever step was late


def test_a_required_variable_is_a_problem_of_the_file(doctor):
    ended = doctor()
    assert ended.exit_code == 2
    assert ended.stdout == ""
    assert "`HERE_URL` is unset or empty" in ended.stderr


@pytest.mark.usefixtures("no_names")
def test_progress_is_a_line_for_each_provider_where_nobody_watches(doctor):
    ended = doctor("--env", "HERE_URL=http://nowhere.invalid")
    assert ended.stderr == "checked `here`: failed\n"


def test_progress_is_one_line_on_a_terminal(run_yaml):
    controller, terminal = pty.openpty()
    command = [sys.executable, "-m", "stack", "doctor", str(run_yaml(port=free_port()))]
    with os.fdopen(controller, "rb", buffering=0) as seen:
        subprocess.run(command, stderr=terminal, stdout=subprocess.DEVNULL, check=True, timeout=120)
        os.close(terminal)
        shown = b"".join(until_closed(seen))
    assert shown.startswith(b"\r\x1b[Kchecked 0 of 1; waiting for here\r")
    assert shown.endswith(b"\r\x1b[K")
    assert b"\n" not in shown


@pytest.mark.usefixtures("no_names")
def test_json_is_one_document(doctor):
    ended = doctor("--json", "--env", "HERE_URL=http://nowhere.invalid")
    document = json.loads(ended.stdout)
    assert (ended.exit_code, document["ok"], document["file"]) == (1, False, "run.yaml")
    failed = [check for each in document["findings"] for check in each["checks"] if check["status"] == "failed"]
    assert [check["name"] for check in failed] == ["dns"]


def test_the_starter_is_the_default(stack, monkeypatch):
    for name in [name for name in os.environ if name.endswith(("_TOKEN", "_HOST", "_ID", "_BASE"))]:
        monkeypatch.delenv(name)
    ended = stack("doctor")
    assert ["playground", "package", "ok"] in rows(ended.stdout)
    assert Path(ended.stdout.splitlines()[-1].partition(": ")[0]).parts[-2:] == ("starter", "run.yaml")


def test_help_says_what_is_sent(stack):
    assert "GET /models" in " ".join(stack("doctor", "-h").stdout.split())


@pytest.mark.parametrize("value", ["0", "-1", "601", "nan"])
def test_a_time_that_makes_no_sense_is_wrong_usage(doctor, value):
    assert doctor("--timeout", value).exit_code == 2
