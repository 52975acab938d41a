"""Each way to the stack has replay upstreams of its own, so that each must use every recording."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from integration.reaching import TESTS, WAYS, Reached, in_process, over_http, server_process

from stack.testing.replay import ReplayUpstream
from stack.testing.thread import in_thread

FOLDER = TESTS / "recordings"
PROVIDERS = ("openai", "azure", "ollama", "vllm")
RUN_YAML = Path(__file__).with_name("run.yaml")


@dataclass(frozen=True)
class Replayed:
    """A stack in front of replay upstreams, by provider."""

    reached: Reached
    upstreams: Mapping[str, ReplayUpstream]


@contextmanager
def _upstreams() -> Iterator[Mapping[str, ReplayUpstream]]:
    with ExitStack() as opened:
        yield {name: opened.enter_context(in_thread(ReplayUpstream(FOLDER / name))) for name in PROVIDERS}


def _variables(upstreams: Mapping[str, ReplayUpstream]) -> dict[str, str]:
    return {f"{name.upper()}_REPLAY": upstream.origin for name, upstream in upstreams.items()}


@pytest.fixture(scope="session")
def replayed_http() -> Iterator[Replayed]:
    with (
        _upstreams() as upstreams,
        server_process(RUN_YAML, variables=_variables(upstreams)) as server,
        over_http(server.origin) as reached,
    ):
        yield Replayed(reached, upstreams)


@pytest.fixture(scope="session")
def replayed_library() -> Iterator[Replayed]:
    with _upstreams() as upstreams, in_process(RUN_YAML, _variables(upstreams)) as reached:
        yield Replayed(reached, upstreams)


@pytest.fixture(params=WAYS)
def replayed(request: pytest.FixtureRequest) -> Replayed:
    found: Replayed = request.getfixturevalue(f"replayed_{request.param}")
    return found
