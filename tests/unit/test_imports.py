"""What an import costs: which modules it loads, and that it opens nothing. Each in an interpreter of its own."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = {
    "aiohttp",
    "apsw",
    "faiss",
    "fastapi",
    "httpx2",
    "onnxruntime",
    "openai",
    "sqlalchemy",
    "starlette",
    "torch",
    "uvicorn",
}
LOADED = "\nimport json, sys; print('\\n' + json.dumps(sorted(sys.modules)))"
IMPORT = "import stack"
HELP = "from stack.cli import main\nmain(['--help'], standalone_mode=False)"
EVERY_ROW = "from stack.registry.discovery import specs\nassert len(specs()) > 5"
EVERY_MODULE = """
import importlib, pkgutil, sys
def refuse(event, arguments):
    if event == "socket.__new__":
        raise AssertionError("a socket was opened")
sys.addaudithook(refuse)
import stack
for module in pkgutil.walk_packages(stack.__path__, "stack."):
    try:
        importlib.import_module(module.name)
    except ModuleNotFoundError as error:
        if error.name not in ("llama_cpp", "torch"):  # too large for every developer's machine
            raise
"""


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def loaded(code: str) -> set[str]:
    """The modules in `sys.modules` after `code`."""
    return set(json.loads(run(code + LOADED).splitlines()[-1]))


@pytest.mark.parametrize("code", [IMPORT, HELP, EVERY_ROW], ids=["import stack", "stack --help", "every row"])
def test_nothing_heavy_is_loaded(code: str) -> None:
    assert not loaded(code) & HEAVY


@pytest.mark.parametrize("code", [IMPORT, HELP], ids=["import stack", "stack --help"])
def test_not_even_the_base_install_is_loaded(code: str) -> None:
    assert not loaded(code) & {"asyncio", "jinja2", "pydantic", "structlog", "yaml"}


def test_every_row_imports_no_provider() -> None:
    assert not [name for name in loaded(EVERY_ROW) if name.startswith("stack.providers")]


def test_no_module_opens_a_socket_when_imported() -> None:
    run(EVERY_MODULE)


def test_the_trap_for_sockets_works() -> None:
    with pytest.raises(AssertionError, match="a socket was opened"):
        run(EVERY_MODULE + "import socket\nsocket.socket()")
