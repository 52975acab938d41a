"""A server in a process of its own, for tests: started, waited for, stopped, and loud when it does not start."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import IO, Self

from stack.testing.http import HOST

POLL_S = 0.02
TAIL = 4000
STOP_S = 60.0  # longer than a server lets open answers finish
MAX_KEPT = 64

_kept: deque[int] = deque()  # sockets that hold the ports that were given last


class ServerFailed(Exception):
    """The process ended, or did not answer in time; the message has the end of what it printed."""


def free_port() -> int:
    """A port that nothing listens on now; on Linux nobody gets it either who asks for any port, while it is kept."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        # There a server that reuses addresses, as servers do, may listen on a port that is bound and not listened on.
        if sys.platform == "linux":
            _kept.append(probe.detach())
    if len(_kept) > MAX_KEPT:
        os.close(_kept.popleft())
    return port


class ServerProcess:
    """`with ServerProcess(["-m", "stack", "run", "starter", "--port", str(port)], port=port) as server`.

    arguments: for this Python. env: added to the environment; a value of None takes a variable away.
    The server is ready once `ready_path` answers with a status below 500; until then starting blocks this thread,
    so a test whose own event loop serves the upstream starts it with `await asyncio.to_thread(server.start)`.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        port: int,
        ready_path: str = "/v1/health/ready",
        env: Mapping[str, str | None] | None = None,
        cwd: Path | None = None,
        timeout_s: float = 120.0,
    ) -> None:
        self.arguments = tuple(arguments)
        self.port = port
        self._ready_path = ready_path
        self._env = {**os.environ, "PYTHONUNBUFFERED": "1", **(env or {})}
        self._cwd = cwd
        self._timeout_s = timeout_s
        self._process: subprocess.Popen[bytes] | None = None
        self._printed: IO[bytes] | None = None
        self._last_output = ""

    @property
    def origin(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def base_url(self) -> str:
        """What an OpenAI client is given."""
        return f"{self.origin}/v1"

    @property
    def pid(self) -> int:
        """The process id; 0 before the start."""
        return self._process.pid if self._process else 0

    def output(self) -> str:
        """All that the process has printed so far, to stdout and stderr."""
        if self._printed is None:
            return self._last_output
        size = os.fstat(self._printed.fileno()).st_size
        return os.pread(self._printed.fileno(), size, 0).decode("utf-8", "replace")

    def start(self) -> None:
        """Start, and wait until it answers. Raises ServerFailed."""
        env = {name: value for name, value in self._env.items() if value is not None}
        command = [sys.executable, *self.arguments]
        # A file, not a pipe: a server that prints much must not stop because no one reads.
        self._printed = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(  # noqa: S603
            command, env=env, cwd=self._cwd, stdin=subprocess.DEVNULL, stdout=self._printed, stderr=subprocess.STDOUT
        )
        try:
            self._wait(self._process)
        except BaseException:
            self.stop()
            raise

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        give_up = time.monotonic() + self._timeout_s
        while not self._answers():
            if process.poll() is not None:
                raise ServerFailed(self._failure(f"ended with exit code {process.returncode}"))
            if time.monotonic() > give_up:
                raise ServerFailed(self._failure(f"did not answer `{self._ready_path}` in {self._timeout_s} s"))
            time.sleep(POLL_S)

    def _answers(self) -> bool:
        with (
            suppress(OSError, http.client.HTTPException),
            closing(http.client.HTTPConnection(HOST, self.port, timeout=10)) as connection,
        ):
            connection.request("GET", self._ready_path)
            return connection.getresponse().status < 500
        return False

    def _failure(self, what: str) -> str:
        return f"`python {' '.join(self.arguments)}` {what}; it printed:\n{self.output()[-TAIL:]}"

    def stop(self, timeout_s: float = STOP_S) -> int:
        """Ask it to end (SIGTERM), make it end after `timeout_s`; its exit code."""
        self.send_signal(signal.SIGTERM)
        return self.wait(timeout_s)

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal, if it still runs."""
        assert self._process is not None
        self._process.send_signal(number)

    def wait(self, timeout_s: float = STOP_S) -> int:
        """Its exit code once it has ended by itself; after `timeout_s` it is made to."""
        assert self._process is not None
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()
        finally:
            self._last_output = self.output()
            if self._printed is not None:
                self._printed.close()
                self._printed = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
