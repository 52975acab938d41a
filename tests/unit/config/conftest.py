from pathlib import Path
from typing import Any

import pytest

from stack.config.load import parse_run_config
from stack.errors import BadConfig


@pytest.fixture(autouse=True)
def packages(monkeypatch: pytest.MonkeyPatch) -> None:
    """The small provider packages beside these tests can be imported, as if they were installed."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent / "packages"))


@pytest.fixture
def problems():
    """The messages that a run.yaml gives in an environment, none if it is good."""

    def problems(text: str, **environ: str) -> list[str]:
        try:
            parse_run_config(text, "run.yaml", environ)
        except BadConfig as error:
            return [str(problem) for problem in error.problems]
        return []

    return problems


@pytest.fixture
def acme_file():
    """A run.yaml with one provider that has a field of every kind, from a line of its `config:`."""

    def acme_file(line: str) -> str:
        entry = "provider_id: a\n    provider_type: remote::acme\n    module: acme_stack"
        return f"providers:\n  inference:\n  - {entry}\n    config:\n      {line}\n"

    return acme_file


@pytest.fixture
def acme(acme_file):
    """The settings of that provider."""

    def acme(line: str, **environ: str) -> Any:
        return parse_run_config(acme_file(line), "run.yaml", environ).providers["inference"][0].config

    return acme
