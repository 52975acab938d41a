"""A server process is ready when it answers, and says why when it does not."""

from __future__ import annotations

import os
import socket
import sys
from urllib.request import urlopen

import pytest

from stack.testing.server_process import ServerFailed, ServerProcess, free_port


def upstream_on(port, **options):
    return ServerProcess(
        ["-m", "stack.testing.upstream", "--port", str(port)], port=port, ready_path="/counts", **options
    )


def test_it_answers_once_started_and_is_gone_once_stopped():
    with upstream_on(free_port()) as server:
        with urlopen(f"{server.base_url}/models/ok") as answer:
            assert answer.status == 200
        assert str(server.port) in server.output()
    with pytest.raises(ProcessLookupError):
        os.kill(server.pid, 0)
    assert str(server.port) in server.output()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a port that is kept cannot be listened on")
def test_a_free_port_refuses_callers_and_is_kept_for_who_names_it():
    address = ("127.0.0.1", free_port())
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address)
    with socket.socket() as taker, pytest.raises(OSError, match="in use"):
        taker.bind(address)
    with socket.create_server(address) as server:
        assert server.getsockname() == address


def test_a_process_that_ends_is_told_with_what_it_printed():
    server = ServerProcess(["-c", "raise SystemExit('no such distribution')"], port=free_port())
    with pytest.raises(ServerFailed, match=r"(?s)ended with exit code 1; it printed:\nno such distribution"):
        server.start()


def test_a_process_that_does_not_listen_is_stopped_in_time():
    server = ServerProcess(["-c", "import signal; signal.pause()"], port=free_port(), timeout_s=0.3)
    with pytest.raises(ServerFailed, match=r"did not answer `/v1/health/ready` in 0\.3 s"):
        server.start()
    with pytest.raises(ProcessLookupError):
        os.kill(server.pid, 0)


@pytest.mark.parametrize(("value", "printed"), [("here", "'here'"), (None, "None")])
def test_its_environment_is_the_callers_with_changes(monkeypatch, value, printed):
    monkeypatch.setenv("STACK_TEST_MARK", "outer")
    script = "import os; raise SystemExit(repr(os.environ.get('STACK_TEST_MARK')))"
    server = ServerProcess(["-c", script], port=free_port(), env={"STACK_TEST_MARK": value})
    with pytest.raises(ServerFailed, match=f"printed:\n{printed}"):
        server.start()
