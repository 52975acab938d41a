"""A pytest plugin with the fixture `exchanges`: tests of remote providers that reach no service.

In `conftest.py`: `pytest_plugins = ["stack.testing.pytest_plugin"]`. A test, or a fixture that makes its provider or
client, then asks for `exchanges` first. What providers are told within it comes from
`recordings/<file of the test>/<class and name of the test>/` beside that file; a request that is not recorded fails,
and so does the test that leaves a recording unused. `pytest --record-exchanges` asks the services instead and writes
those folders anew.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from stack.testing.play import Player, replaying
from stack.testing.record import Recorder, recording


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--record-exchanges", action="store_true", help="ask the services, and record what `exchanges` replays"
    )


@pytest.fixture
def exchanges(request: pytest.FixtureRequest) -> Iterator[Player | Recorder]:
    """Replays the recordings of this test; with `--record-exchanges`, makes them."""
    folder = _folder(request)
    if request.config.getoption("--record-exchanges"):
        shutil.rmtree(folder, ignore_errors=True)
        with recording(folder, scenario=request.node.name) as recorder:
            yield recorder
        return
    if not folder.is_dir():
        pytest.fail(f"there is no `{folder}`: record it with `pytest --record-exchanges`", pytrace=False)
    with replaying(folder) as player:
        yield player
    if problems := player.problems():
        pytest.fail("\n".join(problems), pytrace=False)


def _folder(request: pytest.FixtureRequest) -> Path:
    # With its class, since another one may have a test of the same name.
    name = re.sub(r"[^\w.-]+", "-", request.node.nodeid.partition("::")[2]).strip("-")
    return request.path.parent / "recordings" / request.path.stem / name
