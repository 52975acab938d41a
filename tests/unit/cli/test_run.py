"""`stack run`: what overrides what, and how it ends."""

from __future__ import annotations

import subprocess
import sys
import urllib.request

import pytest

from stack.cli.options import LOG_LEVELS
from stack.config.models import ServerConfig
from stack.testing.server_process import ServerProcess, free_port


def test_a_port_in_the_file_counts_when_no_flag_is_given(serving, run_yaml):
    port = free_port()
    with serving("run", str(run_yaml(port=port))) as url:
        assert url == f"http://127.0.0.1:{port}"


def test_flags_win_over_the_file(serving, run_yaml):
    port = free_port()
    with serving("run", str(run_yaml(port=1)), "--port", str(port), "--host", "localhost") as url:
        assert url == f"http://localhost:{port}"


def test_what_it_announces_answers(serving, run_yaml):
    with serving("run", str(run_yaml(port=free_port()))) as url:
        assert urllib.request.urlopen(f"{url}/v1/health", timeout=60).status == 200


def test_env_replaces_the_environment(serving, run_yaml):
    port = free_port()
    with serving("run", str(run_yaml(port='"${env.PORT}"')), "--env", f"PORT={port}") as url:
        assert url.endswith(f":{port}")


def test_strict_ends_with_3_when_a_provider_fails(run_yaml):
    path = run_yaml(port=free_port(), type="remote::gone", module="no_such_package")
    command = [sys.executable, "-m", "stack", "run", str(path), "--strict"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 3
    assert "pip install no_such_package" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_environment_that_was_built_for_a_file_is_named_where_packages_are_missing(run_yaml):
    path = run_yaml(port=free_port(), type="remote::gone", module="no_such_package")
    program = path.with_name("venv") / "bin/stack"
    program.parent.mkdir(parents=True)
    program.touch()
    command = [sys.executable, "-m", "stack", "run", str(path), "--strict"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert f"another one: say `{program} run {path}`" in done.stderr.splitlines()[0]


def test_a_port_that_is_taken_is_told_in_one_line(stack, run_yaml, serving):
    path = str(run_yaml(port=free_port()))
    with serving("run", path):
        second = stack("run", path)
    assert second.exit_code == 2
    assert second.stderr.count("\n") == 1
    assert "choose another with `--port`" in second.stderr


def test_every_problem_of_a_file_is_a_line_on_stderr(stack, tmp_path):
    (tmp_path / "run.yaml").write_text("porviders: {}\nserver: {port: 99999}\n")
    ended = stack("run", "run.yaml")
    assert ended.exit_code == 2
    assert ended.stdout == ""
    assert [line.partition(": ")[0] for line in ended.stderr.splitlines()] == [
        "run.yaml:1:1",
        "run.yaml:1:1",
        "run.yaml:2:16",
    ]


def test_an_unknown_name_is_answered_with_what_was_tried_and_near_names(stack):
    ended = stack("run", "togethr")
    assert ended.exit_code == 2
    assert "`togethr/run.yaml`" in ended.stderr
    assert "did you mean `together`" in ended.stderr


def test_others_are_not_served_without_a_key(stack, run_yaml):
    ended = stack("run", str(run_yaml()), "--host", "0.0.0.0")
    assert ended.exit_code == 2
    assert "--insecure-no-auth" in ended.stderr


@pytest.mark.parametrize(
    "flags",
    [
        ["--port", "0"],
        ["--port", "http"],
        ["--workers", "0"],
        ["--host", ""],
        ["--env", "=s3cret"],
        ["--env", "s3cret"],
    ],
)
def test_a_wrong_flag_is_wrong_usage(stack, run_yaml, flags):
    ended = stack("run", str(run_yaml()), *flags)
    assert ended.exit_code == 2
    assert flags[0] in ended.stderr
    assert "s3cret" not in ended.stderr


@pytest.mark.parametrize("level", LOG_LEVELS)
def test_a_level_of_the_log_can_be_set_by_flag_and_in_the_file(level):
    assert ServerConfig(log_level=level).log_level == level


def test_a_server_that_logs_warnings_only_does_not_announce_itself(run_yaml):
    port = free_port()
    arguments = ["-m", "stack", "run", str(run_yaml(port=port)), "--log-level", "warning"]
    with ServerProcess(arguments, port=port) as server:
        assert server.output() == ""


def test_a_server_that_logs_everything_lets_libraries_speak(run_yaml):
    port = free_port()
    with ServerProcess(["-m", "stack", "run", str(run_yaml(port=port)), "--log-level", "debug"], port=port) as server:
        assert "Application startup complete" in server.output()
