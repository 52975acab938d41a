"""A stack that keeps files in a folder of the test, reached both ways."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from integration.reaching import WAYS, Reached, reached_by

CONFIG = Path(__file__).parent / "stack.yaml"


@pytest.fixture(scope="module", params=WAYS)
def by(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture(scope="module")
def state_dir(by: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp(by)


@pytest.fixture(scope="module")
def reached(by: str, state_dir: Path) -> Iterator[Reached]:
    with reached_by(by, CONFIG, {"STACK_STATE_DIR": str(state_dir)}) as found:
        yield found
