"""Engines that tests run against, each in an environment of its own, away from the packages of this project.

    python -m stack.testing.engines     installs those that are not there; tests of the others are skipped

They are kept in `$STACK_TEST_ENGINES`, or in the user's cache, so that they are fetched once.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Self

from stack.testing.http import HOST
from stack.testing.server_process import POLL_S, TAIL, ServerFailed, free_port

INSTALL = "python -m stack.testing.engines"
PACKAGES = {"chroma": ("chromadb==1.5.9",), "milvus-lite": ("milvus-lite==3.2.2", "pymilvus==3.0.2")}
MEGABYTES = 370  # of each


def engine(program: str) -> Path | None:
    """Where a program is, if its engine is installed."""
    found = _folder(program) / "bin" / program
    return found if found.exists() else None


def install(program: str) -> Path:
    """Install an engine if it is not there; what is half done never stands where a whole one is looked for."""
    if (there := engine(program)) is not None:
        return there
    folder = _folder(program)
    shutil.rmtree(folder, ignore_errors=True)
    try:
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)  # noqa: S603
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--only-binary", ":all:", *PACKAGES[program]], check=True)  # noqa: S603
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder / "bin" / program


def kept_in(variable: str, folder: str) -> Path:
    """What the variable names, or a folder of the user's cache."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get(variable) or Path(cache) / "stack" / folder)


def _folder(program: str) -> Path:
    return kept_in("STACK_TEST_ENGINES", "test-engines") / "-".join(PACKAGES[program]).replace("==", "-")


class EngineServer:
    """`with EngineServer("chroma", ["run", "--path"], timeout_s=60) as server:` listens on `server.port`.

    arguments: the last of them is given the folder of its data, which goes with it. Raises: ServerFailed.
    """

    def __init__(self, program: str, arguments: Sequence[str], *, timeout_s: float = 60.0) -> None:
        found = engine(program)
        if found is None:
            raise ServerFailed(f"a test needs `{program}`: run `{INSTALL}`")
        self._command = [str(found), *arguments]
        self._timeout_s = timeout_s
        self._process: subprocess.Popen[bytes] | None = None
        self.folder = Path()
        self.port = free_port()

    def __enter__(self) -> Self:
        self.folder = Path(tempfile.mkdtemp(prefix="engine-"))
        try:
            self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop(signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self) -> None:
        """Start it, again if it was stopped, and wait until it takes connections."""
        command = [*self._command, str(self.folder / "data"), "--host", HOST, "--port", str(self.port)]
        env = os.environ | {"ANONYMIZED_TELEMETRY": "False"}
        with (self.folder / "log").open("ab") as log:
            process: subprocess.Popen[bytes] = subprocess.Popen(  # noqa: S603
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env, cwd=self.folder
            )
        self._process = process
        give_up = time.monotonic() + self._timeout_s
        while not self._listens():
            if process.poll() is not None or time.monotonic() > give_up:
                raise ServerFailed(f"`{' '.join(command)}` failed:\n{(self.folder / 'log').read_text()[-TAIL:]}")
            time.sleep(POLL_S)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End it; SIGKILL: without writing anything more, as in a crash."""
        if self._process is not None:
            self._process.send_signal(how)
            try:
                self._process.wait(self._timeout_s)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def _listens(self) -> bool:
        with closing(socket.socket()) as probe:
            return probe.connect_ex((HOST, self.port)) == 0


if __name__ == "__main__":
    for name in PACKAGES:
        sys.stderr.write(f"{name}: {install(name)}\n")
