"""The scripts in examples/, run as a reader would run them, against a stack that is served."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stack.testing.server_process import ServerProcess, free_port

ROOT = Path(__file__).parents[3]
SAID = {
    "chat.py": 'The context says: "The shop opens at nine."',
    "library_client.py": "playground/not-an-llm",
    "plain_urllib.py": "not a language model",
    "rag.py": "within thirty days",
    "streaming.py": "tokens: ",
    "structured.py": "name=",
    "tools.py": "get_weather({",
}
SHIELDS = {"re2": "google-re2", "phonenumbers": "phonenumberslite", "stdnum": "python-stdnum"}


def clean() -> dict[str, str | None]:
    """Takes away what would switch providers on."""
    named = (name for name in os.environ if name.endswith(("_API_KEY", "_URL", "_TOKEN")) or "STACK_" in name)
    return dict.fromkeys(named)


def served(distribution: str, folder: Path) -> Iterator[str]:
    port = free_port()
    environ = {**clean(), "STACK_STATE_DIR": str(folder)}
    with ServerProcess(["-m", "stack", "run", distribution, "--port", str(port)], port=port, env=environ) as server:
        yield f"{server.origin}/v1"


@pytest.fixture(scope="module")
def starter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    yield from served("starter", tmp_path_factory.mktemp("starter"))


@pytest.fixture
def safety(tmp_path: Path) -> Iterator[str]:
    yield from served("safety", tmp_path / "state")


def printed(script: str, url: str) -> str:
    environ = {name: value for name, value in os.environ.items() if name not in clean()} | {"STACK_URL": url}
    command = [sys.executable, str(ROOT / "examples" / script)]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("script", SAID)
def test_a_script_says_what_it_should(script: str, starter: str) -> None:
    assert SAID[script] in printed(script, starter)


def test_langchain_asks_and_streams(starter: str) -> None:
    pytest.importorskip("langchain_openai", reason="run `pip install langchain-openai`")
    assert "The shop opens at nine." in printed("langchain_chat.py", starter)


@pytest.mark.skipif(
    any(importlib.util.find_spec(module) is None for module in SHIELDS),
    reason=f"run `pip install {' '.join(SHIELDS.values())}`",
)
def test_shields_refuse_and_mask(safety: str) -> None:
    refused, masked = printed("shields.py", safety).splitlines()[:2]
    assert refused == "refused: content_filter"
    assert "joe.bloggs@example.com" not in masked


def test_every_script_is_run() -> None:
    scripts = {path.name for path in (ROOT / "examples").glob("*.py")}
    assert scripts == {*SAID, "langchain_chat.py", "shields.py"}


def test_the_page_is_as_its_sources_give_it() -> None:
    command = [sys.executable, str(ROOT / "scripts/examples.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
