"""One S3 for all tests of a run: moto's server, in a process of its own."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from importlib.util import find_spec
from typing import Any

import pytest

from stack.providers.remote.files.s3 import S3, Config
from stack.testing.deps import provider_deps
from stack.testing.http import HOST
from stack.testing.server_process import ServerProcess, free_port

NEEDED = ("moto", "flask", "flask_cors")
MakeStore = Callable[..., Awaitable[S3]]


@pytest.fixture(scope="session")
def service() -> Iterator[ServerProcess]:
    if not all(find_spec(name) for name in NEEDED):
        pytest.skip("needs `pip install 'moto[s3]>=5.1' flask flask-cors`")
    port = free_port()
    arguments = ["-m", "moto.server", "-H", HOST, "-p", str(port)]
    # A session of requests to be counted would keep every body.
    with ServerProcess(arguments, port=port, ready_path="/moto-api/", env={"MOTO_ENABLE_RECORDING": None}) as running:
        yield running


@pytest.fixture
async def make_store(service: ServerProcess) -> AsyncIterator[MakeStore]:
    """`await make_store(prefix="a/")`: a provider that has started, on the same bucket within a test."""
    made: list[S3] = []
    bucket = f"test-{uuid.uuid4().hex}"

    async def make(**config: Any) -> S3:
        keys = {"access_key_id": "AKIDEXAMPLE", "secret_access_key": "a secret for tests"}
        where = {"bucket": bucket, "endpoint_url": service.origin, "auto_create_bucket": True, "part_bytes": 5 << 20}
        store = S3(Config.model_validate(where | keys | config), provider_deps("s3"))
        made.append(store)
        await store.initialize()
        return store

    yield make
    for each in made:
        await each.shutdown()
