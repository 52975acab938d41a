"""The chosen stack's server, and a model of each type, for clients that were not written for this project."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from integration.reaching import Reached


@pytest.fixture
def listed(http: Reached, pytestconfig: pytest.Config) -> Callable[[str], str]:
    """`listed("--text-model")`: the model of that option; skips if the stack does not list it."""

    def listed(option: str) -> str:
        wanted: str = pytestconfig.getoption(option)
        if wanted not in {model.id for model in http.client.models.list()}:
            pytest.skip(f"this stack does not list `{wanted}`: name a model with `{option}`")
        return wanted

    return listed


@pytest.fixture
def says(listed: Callable[[str], str]) -> str:
    """The id of the text model."""
    return listed("--text-model")


@pytest.fixture
def embeds(listed: Callable[[str], str]) -> str:
    """The id of the embedding model."""
    return listed("--embedding-model")
