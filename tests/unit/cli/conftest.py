"""The program as a user meets it: its arguments, its two outputs, its exit status."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from stack.cli import main

ONE_PROVIDER = """\
providers:
  inference:
  - {{provider_id: {id}, provider_type: "{type}", module: {module}}}
server: {{port: {port}}}
"""
ANNOUNCED = re.compile(r"event=serving .*url=(\S+)")
Serve = Callable[..., contextlib.AbstractContextManager[str]]


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Result]:
    """`stack("list")`: run in an empty folder, with none of the variables that switch providers on."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.endswith(("_API_KEY", "_URL"))]:
        monkeypatch.delenv(name)
    return lambda *arguments: CliRunner().invoke(main, arguments, prog_name="stack")


@pytest.fixture
def run_yaml(tmp_path: Path) -> Callable[..., Path]:
    """`run_yaml(port=...)`: a file with the playground as its one provider, or a module of one's own."""

    def run_yaml(
        port: int | str = 8321, id: str = "here", type: str = "inline::playground", module: str = "null"
    ) -> Path:
        path = tmp_path / "run.yaml"
        path.write_text(ONE_PROVIDER.format(port=port, id=id, type=type, module=module))
        return path

    return run_yaml


@pytest.fixture
def serving() -> Serve:
    """`with serving("run", ...) as url`: the address that the server says it serves on."""

    @contextlib.contextmanager
    def serving(*arguments: str) -> Iterator[str]:
        command = [sys.executable, "-m", "stack", *arguments]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            try:
                said = next((found[1] for line in process.stderr if (found := ANNOUNCED.search(line))), None)
                assert said, "it ended without serving"
                yield said
            finally:
                process.terminate()

    return serving
