"""The servers of a run: started on their own core, timed, read and ended. Linux only: it reads /proc."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from load import Answer, BenchError, ask_once

_START_LIMIT_S = 30.0
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Cores:
    """Which cores the server under test, the upstream and the load generator may use."""

    server: set[int]
    upstream: set[int]
    load: set[int]


def cores() -> Cores:
    """A core each if there are three; two: upstream and load generator share one; one: no choice."""
    usable = sorted(os.sched_getaffinity(0))
    return Cores({usable[0]}, {usable[min(1, len(usable) - 1)]}, {usable[min(2, len(usable) - 1)]})


@contextlib.contextmanager
def pinned(to: set[int]) -> Iterator[None]:
    """Keep this process, and every process that it starts meanwhile, on these cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, to)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


class Server:
    """A server process and whatever it forks: one session, so its cost is counted and its end is complete."""

    def __init__(self, name: str, argv: list[str], port: int, log: Path, core: set[int]) -> None:
        self.name, self.port = name, port
        self._argv, self._log, self._core = argv, log, core
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, request: bytes) -> tuple[float, Answer]:
        """Seconds from the start of the process to its first good answer, and that answer."""
        began = time.perf_counter()
        with self._log.open("wb") as log, pinned(self._core):
            self._process = subprocess.Popen(
                self._argv, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        trouble = "no connection"
        while time.perf_counter() - began < _START_LIMIT_S and self._process.poll() is None:
            try:
                answer = ask_once(self.port, request)
            except (OSError, ValueError) as error:
                trouble = str(error)
            else:
                if answer.status == 200:
                    return time.perf_counter() - began, answer
                trouble = f"status {answer.status}: {answer.body[:300]!r}"
            time.sleep(0.002)
        raise BenchError(f"`{self.name}` gave no good answer ({trouble}); the end of its log:\n{self.log_tail()}")

    def log_tail(self) -> str:
        return self._log.read_text(errors="replace")[-2000:]

    def stop(self) -> None:
        if self._process is None:
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=5)
        self._process = None

    def cpu_s(self) -> float:
        """CPU time used so far, user and system, all threads, to the microsecond."""
        # The id is what clock_getcpuclockid(3) makes of a pid; ticks of 10 ms in /proc are too coarse here.
        return sum(time.clock_gettime((~pid << 3) | 2) for pid, _ in self._processes())

    def memory_mb(self) -> float:
        """Resident memory in MB (10^6 bytes)."""
        return sum(int(fields[21]) for _, fields in self._processes()) * _PAGE_BYTES / 1e6

    def _processes(self) -> Iterator[tuple[int, list[str]]]:
        """Every process of the session: its pid, and fields 3 and following of its /proc/PID/stat (proc(5))."""
        assert self._process is not None
        session = str(self._process.pid)
        for path in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                fields = path.read_text().rpartition(")")[2].split()
                if fields[3] == session:
                    yield int(path.parent.name), fields
