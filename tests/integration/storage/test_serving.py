"""A server and its state: backed up while it serves, brought back, and refused when a newer version wrote it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import apsw
import httpx2
import pytest

from stack.testing.server_process import ServerFailed, ServerProcess, free_port

CONFIG = str(Path(__file__).with_name("stack.yaml"))


def server(state_dir):
    port = free_port()
    return ServerProcess(
        ["-m", "stack", "run", CONFIG, "--port", str(port), "--env", f"STATE={state_dir}"], port=port, env={}
    )


def command(name, folder, state_dir):
    arguments = [sys.executable, "-m", "stack", name, str(folder), "--config", CONFIG, "--env", f"STATE={state_dir}"]
    return subprocess.run(arguments, capture_output=True, text=True, check=False)


def upload(origin, text):
    answer = httpx2.post(f"{origin}/v1/files", files={"file": ("a.txt", text)}, data={"purpose": "assistants"})
    return answer.json()["id"]


def test_a_backup_of_a_serving_stack_serves_again(tmp_path):
    with server(tmp_path / "state") as running:
        kept = upload(running.origin, b"kept")
        assert command("backup", tmp_path / "saved", tmp_path / "state").returncode == 0
        later = upload(running.origin, b"later")
    assert command("restore", tmp_path / "saved", tmp_path / "new").returncode == 0
    with server(tmp_path / "new") as running:
        assert httpx2.get(f"{running.origin}/v1/files/{kept}/content").content == b"kept"
        assert httpx2.get(f"{running.origin}/v1/files/{later}/content").status_code == 404


def test_a_state_of_a_newer_version_is_refused_with_a_status_of_its_own(tmp_path):
    with server(tmp_path / "state") as running:
        upload(running.origin, b"kept")
    connection = apsw.Connection(str(tmp_path / "state/files.db"))
    connection.pragma("user_version", 99)
    connection.close()
    refusing = server(tmp_path / "state")
    with pytest.raises(ServerFailed):
        refusing.start()
    assert refusing.stop() == 5
    assert "has schema 99" in refusing.output()
