"""No secret of any provider is in any byte that comes out: every fault, whole and streamed, everything logged."""

from __future__ import annotations

import asyncio
import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from integration.hostile.canaries import OWN_KEY, TOKEN, remote_specs, run_file, secrets, sightings
from integration.reaching import server_process
from integration.wire import asking, head, posting, say

from stack.testing.answers import encode
from stack.testing.exchange import JSON
from stack.testing.exchange import head as answer_head
from stack.testing.faults import FAULTS
from stack.testing.http import HOST, Connection, HttpServer, Request
from stack.testing.server_process import ServerProcess
from stack.testing.thread import in_thread

# `echo` repeats the request on purpose: what an upstream answers is the caller's.
NAMES = [row.example for row in FAULTS if row.example != "echo"]
PROVIDERS = [spec.name for spec in remote_specs()]
OWN_KEYS = json.dumps({name: {"api_key": OWN_KEY} for name in PROVIDERS})
VARIANTS = {"whole": (False, {}), "streamed": (True, {}), "own key": (False, {"x_stack_provider_data": OWN_KEYS})}
AT_ONCE = 48
OF = 6
MOST = 1 << 18
PATIENCE_S = 120.0


async def _give_token(connection: Connection, request: Request) -> None:
    body = encode({"access_token": TOKEN, "expires_in": 3600})
    await connection.send(answer_head(200, {"content-type": JSON, "content-length": len(body)}) + body)


@pytest.fixture(scope="module")
def token_url() -> Iterator[str]:
    with in_thread(HttpServer(_give_token)) as server:
        yield f"{server.origin}/token"


@pytest.fixture(scope="module")
def run_yaml(upstream, token_url, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("canaries") / "run.yaml"
    path.write_text(json.dumps(run_file(upstream.base_url, token_url)))
    return path


@pytest.fixture(scope="module")
def server(run_yaml) -> Iterator[ServerProcess]:
    with server_process(run_yaml, "--log-level", "debug", env={"PYTHONDEVMODE": None}) as running:
        yield running


async def all_bytes(port: int, data: bytes) -> str:
    """All that a caller gets, or its beginning."""
    reader, writer = await asyncio.open_connection(HOST, port)
    heard = b""
    try:
        async with asyncio.timeout(PATIENCE_S):
            writer.write(data)
            while len(heard) < MOST and (more := await reader.read(MOST)):
                heard += more
    finally:
        writer.transport.abort()
    return heard.decode("utf-8", "replace")


def request(provider: str, fault: str, stream: bool, headers: dict[str, str], timeout_ms: int = 300) -> bytes:
    body = encode(asking(f"{provider}/{fault}", stream=stream))
    return posting(body, connection="close", x_stack_timeout_ms=timeout_ms, **headers)


@pytest.fixture(scope="module")
def answers(server) -> dict[tuple[str, str, str], str]:
    """What each provider, fault and variant came to."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(provider: str, fault: str, variant: str) -> tuple[tuple[str, str, str], str]:
        async with gate:
            return (provider, fault, variant), await all_bytes(
                server.port, request(provider, fault, *VARIANTS[variant])
            )

    async def everything() -> dict[tuple[str, str, str], str]:
        cases = [
            (provider, fault, variant)
            for number, fault in enumerate(NAMES)
            for variant in VARIANTS
            # Callers' keys take one way for all: each fault for a few providers is enough.
            for provider in (PROVIDERS if variant != "own key" else PROVIDERS[number % OF :: OF])
        ]
        return dict(await asyncio.gather(*(one(*case) for case in cases)))

    return asyncio.run(everything())


def test_every_field_of_every_provider_holds_a_secret_of_its_own():
    told = [value for spec in remote_specs() for _, value in secrets(spec)]
    assert len({json.dumps(value) for value in told}) == len(told) >= len(PROVIDERS) > 25


@pytest.mark.parametrize("before", ["", "x", "Bearer ", "api_key:", "ab"])
def test_a_secret_would_be_seen_plain_and_in_base64(before):
    told = before + OWN_KEY
    assert sightings(told)
    assert sightings(base64.b64encode(told.encode()).decode())
    assert not sightings(base64.b64encode(before.encode() * 9).decode())


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("variant", VARIANTS)
def test_no_answer_holds_a_secret(answers, provider, variant):
    heard = {fault: text for (who, fault, how), text in answers.items() if (who, how) == (provider, variant)}
    assert len(heard) == len(NAMES) or (variant == "own key" and len(heard) >= len(NAMES) // OF)
    assert all(text.startswith("HTTP/1.1 ") for text in heard.values())
    assert {fault: found for fault, text in heard.items() if (found := sightings(text))} == {}


def test_the_log_holds_no_secret_though_it_tells_of_every_provider(server, answers):
    log = server.output()
    assert all(f"provider={provider} " in log for provider in PROVIDERS)
    assert sightings(log) == []


@pytest.mark.parametrize(
    "path",
    ["/v1/providers", "/v1alpha/admin/providers", "/metrics", "/openapi.json", "/v1/models", "/v1/inspect/routes"],
)
def test_no_page_holds_a_secret(server, answers, path):
    heard = say(server.port, head(path, "GET"))
    assert heard.status == 200
    assert sightings(heard.body.decode()) == []


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_upstream_was_sent_the_secret(server, upstream, provider):
    say(server.port, request(provider, f"ok@{provider}", False, {}, timeout_ms=30_000))
    sent = upstream.requests(f"ok@{provider}")[-1]
    expected = TOKEN if provider == "watsonx" else f"canary-{provider}/api_key+77="
    assert expected in str(sent.headers)


def stack(*arguments: str) -> str:
    command = [sys.executable, "-m", "stack", *arguments]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    return ran.stdout + ran.stderr


@pytest.mark.parametrize(
    ("fault", "flags"),
    [("ok", ()), ("fault-401-echo-key", ()), ("fault-401-echo-key", ("--json",)), ("fault-malformed-json", ())],
)
def test_the_doctor_tells_no_secret(upstream, tmp_path, fault, flags):
    (tmp_path / "run.yaml").write_text(
        json.dumps(run_file(upstream.base_url_with(fault), upstream.base_url_with(fault)))
    )
    told = stack("doctor", str(tmp_path / "run.yaml"), "--timeout", "2", *flags)
    assert all(provider in told for provider in PROVIDERS)
    assert sightings(told) == []


@pytest.mark.parametrize("mistake", ["", ', "x": 1', ', "providers": {}', ", oops", ', "models": [{"model_id": 1}]'])
def test_checking_a_file_tells_no_secret_whatever_is_wrong_with_it(run_yaml, tmp_path, mistake):
    broken = tmp_path / "run.yaml"
    broken.write_text(run_yaml.read_text().removesuffix("}") + mistake + "}")
    told = stack("check", str(broken))
    assert str(broken.name) in told
    assert sightings(told) == []


def test_a_secret_in_a_wrong_place_is_not_told(run_yaml, tmp_path):
    broken = tmp_path / "run.yaml"
    broken.write_text(run_yaml.read_text().replace('"first_byte_timeout_s": 2', '"idle_timeout_s": "canary-misplaced"'))
    told = stack("check", str(broken))
    assert told.count("idle_timeout_s") >= len(PROVIDERS)
    assert sightings(told) == []
