"""`stack vector-stores ingest` against a server: interrupted and gone on with, watched in a terminal."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from integration.reaching import over_http, server_process
from integration.vector_io.conftest import SHELF


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "d").mkdir()
    for number in range(6):
        (tmp_path / f"d/{number}.txt").write_text(f"Text number {number}. " * 40)
    return tmp_path


@pytest.fixture
def served(folder, upstream):
    variables = {"STACK_STATE_DIR": str(folder / "state"), "UPSTREAM": upstream.base_url}
    with server_process(SHELF, variables=variables) as server, over_http(server.origin) as reached:
        yield server, reached.client


def ingesting(folder, url, store, **more):
    command = [sys.executable, "-m", "stack", "vector-stores", "ingest", "d", "--url", url, "--store", store]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, **{"stderr": subprocess.PIPE, **more})


@pytest.fixture
def interruptible():
    """However the tests were started: what a shell runs in the background ignores SIGINT, and hands that down."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_interrupted_it_says_how_to_go_on_and_goes_on(folder, served):
    server, client = served
    for number in range(6, 24):
        (folder / f"d/{number}.txt").write_text(f"Text number {number}.")
    store = client.vector_stores.create(name="slow", extra_body={"embedding_model": "up/fault-slow-first-byte-1"})
    process = ingesting(folder, server.origin, store.id, text=True)
    assert process.stderr.readline().startswith("added d/")
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()
    assert (process.returncode, "say the same again to go on" in said) == (130, True)
    attached = {file.id for file in client.vector_stores.files.list(store.id)}
    assert {file.id for file in client.files.list()} == attached
    again = ingesting(folder, server.origin, store.id, text=True)
    output, _ = again.communicate()
    assert (again.returncode, " 0 failed), 24 chunks" in output) == (0, True)
    assert client.vector_stores.retrieve(store.id).file_counts.completed == 24


def test_in_a_terminal_there_is_a_bar_of_files_and_chunks(folder, served):
    server, _ = served
    (folder / "d/bad.bin").write_bytes(b"\x7fELF" + bytes(64))
    ours, theirs = pty.openpty()
    process = ingesting(folder, server.origin, "bar", stderr=theirs)
    os.close(theirs)
    process.communicate()
    shown = _read(ours)
    assert (process.returncode, "7/7 files, 1 failed, 6 chunks" in shown) == (1, True)
    assert "failed d/bad.bin: unsupported_file" in shown
    assert "added d/0.txt" not in shown


def _read(terminal: int) -> str:
    """All that was written to a terminal that is closed on the other side."""
    parts = []
    try:
        while part := os.read(terminal, 65536):
            parts.append(part)
    except OSError:  # Linux tells the end of a terminal by EIO
        pass
    os.close(terminal)
    return b"".join(parts).decode()


def test_a_key_is_taken_from_the_environment(folder, tmp_path):
    key = "a-key-of-twenty-letters"
    config = tmp_path / "keyed.yaml"
    config.write_text(Path(SHELF).read_text() + f"server:\n  auth: {{api_keys: [{key}]}}\n")
    with server_process(config, variables={"STACK_STATE_DIR": str(tmp_path / "state")}) as server:
        without = ingesting(folder, server.origin, "keyed", text=True)
        assert ("key" in without.communicate()[1], without.returncode) == (True, 1)
        given = ingesting(folder, server.origin, "keyed", env={**os.environ, "STACK_API_KEY": key})
        given.communicate()
        assert given.returncode == 0
