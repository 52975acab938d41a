"""Processes that share a listener: started together, replaced when one dies, ended together."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

import structlog

from stack.errors import StackError

NOW = signal.SIGUSR1  # what a process is told that shall wait for nobody; SIGTERM lets it finish
LEAST_LIFE_S = 1.0  # one that dies sooner is replaced after as long, so that a crash does not spin
REFUSED = 3  # the exit code of one that has reported why it cannot start, which a second try would not change

log = structlog.get_logger("stack.server")


class Siblings:
    """So many processes that run `serve`, which can be pickled: until SIGINT or SIGTERM, and no longer at a second."""

    def __init__(
        self, serve: Callable[[socket.socket, Connection[StackError, None]], None], listener: socket.socket, count: int
    ) -> None:
        self._reports, report = multiprocessing.Pipe(duplex=False)
        self._serve = partial(serve, listener, report)
        self._refusal: StackError | None = None
        self._listener = listener
        self._count = count
        self._spawn = multiprocessing.get_context("spawn")
        self._born: dict[BaseProcess, float] = {}
        self._last_word: signal.Signals | None = None
        self._ear, self._mouth = socket.socketpair()

    def run(self) -> StackError | None:
        """Return when all have ended: why, if one could not start."""
        with self._ear, self._mouth:
            # A signal becomes a byte that the loop below waits for: nothing is interrupted half way.
            self._mouth.setblocking(False)
            signal.set_wakeup_fd(self._mouth.fileno())
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, lambda *_: None)
            try:
                self._raise_and_bury()
            finally:
                signal.set_wakeup_fd(-1)
        return self._refusal

    def _raise_and_bury(self) -> None:
        for _ in range(self._count):
            self._start()
        while self._born:
            if self._ear in wait([self._ear, *(process.sentinel for process in self._born)]):
                for _ in self._ear.recv(64):
                    self._end()
            for process in [process for process in self._born if not process.is_alive()]:
                self._bury(process)

    def _start(self) -> None:
        process = self._spawn.Process(target=self._serve)
        process.start()
        self._born[process] = time.monotonic()

    def _bury(self, process: BaseProcess) -> None:
        lived_s = time.monotonic() - self._born.pop(process)
        if self._last_word is not None:
            return
        if process.exitcode == REFUSED and self._reports.poll():
            self._refusal = self._reports.recv()
            self._end()
            return
        log.warning("worker died", pid=process.pid, exit_code=process.exitcode)
        if not wait([self._ear], max(0.0, LEAST_LIFE_S - lived_s)):
            self._start()

    def _end(self) -> None:
        self._listener.close()  # or callers would go on to queue here, where nobody accepts them
        self._last_word = NOW if self._last_word else signal.SIGTERM
        for process in self._born:
            assert process.pid is not None
            with suppress(ProcessLookupError):
                os.kill(process.pid, self._last_word)
