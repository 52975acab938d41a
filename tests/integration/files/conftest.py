"""A stack that keeps files in a folder of the test, reached both ways."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from integration.reaching import WAYS, Reached, reached_by

CONFIG = Path(__file__).parent / "stack.yaml"


@pytest.fixture(scope="module", params=WAYS)
def reached(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reached]:
    variables = {"STACK_STATE_DIR": str(tmp_path_factory.mktemp("state"))}
    with reached_by(request.param, CONFIG, variables) as found:
        yield found
