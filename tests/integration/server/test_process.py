"""`stack run` as a process: how it starts, how it refuses to, and how it ends."""

from __future__ import annotations

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from integration.lab import LAB
from integration.reaching import over_http, server_process
from integration.wire import CHAT, PATIENCE_S, asking, connect, events, hear, posting, say

from stack.testing.answers import encode
from stack.testing.server_process import ServerFailed


@pytest.fixture
def refused(lab_variables):
    """`refused("--strict")`: the exit code and stderr of a server that must not start."""

    def refused(*flags, config="playground", port=None):
        server = server_process(config, *flags, variables=lab_variables, port=port)
        with pytest.raises(ServerFailed):
            server.start()
        return server.stop(), server.output()

    return refused


def test_others_are_not_served_without_a_key(refused):
    code, said = refused("--host", "0.0.0.0")
    assert (code, said.count("\n")) == (2, 1)
    assert "`server.auth.api_keys`" in said


def test_a_port_in_use_is_told_in_one_line(refused):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        code, said = refused(port=taken.getsockname()[1])
    assert (code, said.count("\n")) == (2, 1)
    assert "address already in use" in said


@pytest.mark.parametrize("workers", ["1", "2"])
def test_strict_names_every_provider_that_failed_and_ends_with_3(refused, workers):
    code, said = refused("--strict", "--workers", workers, config=Path(__file__).with_name("strict.yaml"))
    assert code == 3
    assert "provider `unpacked`" in said
    assert "pip install 'a-package-that-nobody-has>=2'" in said
    assert "provider `bugged`: ZeroDivisionError" in said


def test_sigterm_ends_it_with_0():
    server = server_process("playground")
    server.start()
    assert server.stop() == 0


def test_sigterm_lets_an_open_stream_finish(lab_variables):
    server = server_process(LAB, variables=lab_variables)
    server.start()
    with connect(server.port) as caller:
        caller.sendall(posting(encode(asking("faulty/stream-20-every-20@sigterm", stream=True))))
        caller.recv(1, socket.MSG_PEEK)
        assert server.stop() == 0
        assert events(hear(caller).body)[-1] == b"[DONE]"
    assert "Warning" not in server.output()


def test_two_workers_share_the_port_and_end_with_0():
    server = server_process("playground", "--workers", "2")
    server.start()
    workers = set()
    give_up = time.monotonic() + 2 * PATIENCE_S
    with ThreadPoolExecutor(8) as pool:
        while len(workers) < 2 and time.monotonic() < give_up:  # the second one may still be starting
            workers.update(pool.map(worker_that_answers, [server.port] * 8))
    assert len(workers) == 2
    assert server.stop() == 0


def worker_that_answers(port):
    """An id is the worker's own prefix and a number of eight digits."""
    answer = say(port, posting(encode(asking("playground/not-an-llm"))))
    assert answer.status == 200
    return answer.headers["x-request-id"][:-8]


def test_insecure_no_auth_serves_others():
    with server_process("playground", "--host", "0.0.0.0", "--insecure-no-auth") as server:
        with over_http(server.origin) as reached:
            assert reached.wire.post(CHAT, json=asking("playground/not-an-llm")).status_code == 200
        assert "serving without authentication" in server.output()
