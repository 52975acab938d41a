"""What the Containerfile runs: the server asks for a key, and the health check needs none."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

from stack.distribution.pages import fill
from stack.testing.server_process import ServerProcess, free_port

TEXT = fill("Containerfile", name="x", base="python", requirements=[], wheels=False)
KEYS = {"STACK_API_KEYS": "a-key-of-more-than-twenty-letters"}


def arguments(port: int) -> list[str]:
    """The entry point's, for a distribution and another port."""
    (words,) = re.findall(r"^ENTRYPOINT (.*)$", TEXT, re.MULTILINE)
    program, *rest = json.loads(words.replace("8321", str(port)).replace("/etc/stack/run.yaml", "playground"))
    return ["-m", program, *rest]


def check(port: int) -> int:
    """The exit status of the health check."""
    (words,) = re.findall(r"^ +CMD (.*)$", TEXT, re.MULTILINE)
    patient = words.replace("8321", str(port)).replace("timeout=4", "timeout=60")
    command = [sys.executable, *json.loads(patient)[1:]]
    return subprocess.run(command, capture_output=True, timeout=120, check=False).returncode


def test_the_health_check_tells_a_server_that_answers_from_one_that_does_not(tmp_path: Path):
    port = free_port()
    assert check(port) == 1
    environ = {**KEYS, "STACK_STATE_DIR": str(tmp_path)}
    on_loopback = [word.replace("0.0.0.0", "127.0.0.1") for word in arguments(port)]
    with ServerProcess(on_loopback, port=port, env=environ):
        assert check(port) == 0


def test_the_entry_point_does_not_serve_without_a_key():
    ended = subprocess.run([sys.executable, *arguments(free_port())], capture_output=True, text=True, timeout=120)
    assert ended.returncode == 2
    assert "no API key is configured" in ended.stderr
