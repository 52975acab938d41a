"""Large bodies: those that nobody wants are not read for long, and those of many values do not hold the server."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from integration.cpu import cpu_s
from integration.reaching import server_process
from integration.wire import connect, error_in, head, hear, posting, say

from stack.server.json_limits import MAX_VALUES

MIB = 1 << 20
SERVED = "version: 2\nproviders:\n  inference: [{provider_id: playground, provider_type: inline::playground}]\n"
LOCKED = "server: {max_body_bytes: 2097152, auth: {api_keys: [a-key-of-nobody-who-asks-here]}}\n"
EMBEDDING = '{"model": "playground/lexical-embedding", "input": %s}'
OPEN = "server: {max_body_bytes: 20971520}\n"


@pytest.fixture(scope="module", params=[LOCKED, OPEN], ids=["401", "413"])
def refusing(request, tmp_path_factory):
    """A server that refuses a large body without a key before it is read."""
    path = tmp_path_factory.mktemp("big") / "run.yaml"
    path.write_text(SERVED + request.param)
    with server_process(path) as server:
        yield server, 401 if request.param == LOCKED else 413


@pytest.fixture(scope="module")
def serving(tmp_path_factory):
    path = tmp_path_factory.mktemp("big") / "run.yaml"
    path.write_text(SERVED + OPEN)
    with server_process(path) as server:
        yield server


def test_a_refused_caller_who_sends_on_is_cut_off(refusing):
    server, status = refusing
    sent = 0
    with connect(server.port) as caller:
        caller.sendall(head(content_type="application/json", content_length=10**12))
        assert hear(caller).status == status
        with suppress(ConnectionError):
            while sent < 256 * MIB:
                sent += caller.send(b" " * MIB)
    assert sent < 128 * MIB  # what the server reads at most, 40, and what kernels hold between


def test_a_refused_caller_who_sends_everything_before_it_listens_hears_why(serving):
    answer = say(serving.port, posting(b" " * (21 * MIB)))
    assert (answer.status, error_in(answer.body)["code"]) == (413, "payload_too_large")


HOSTILE = {
    "token ids": "[" + "1," * (8 * MIB) + "1]",
    "arrays of token ids": "[" + "[1]," * (4 * MIB) + "[1]]",
    "empty texts": "[" + '"",' * (5 * MIB) + '""]',
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_body_of_millions_of_values_is_refused_while_others_are_answered(serving, kind):
    request = posting((EMBEDDING % HOSTILE[kind]).encode(), "/v1/embeddings")
    before_s = cpu_s(serving.pid)
    with ThreadPoolExecutor(1) as pool:
        hostile = pool.submit(say, serving.port, request)
        while not hostile.done():
            assert say(serving.port, head("/v1/health", "GET")).status == 200
    assert (hostile.result().status, error_in(hostile.result().body)["code"]) == (400, "invalid_request")
    assert cpu_s(serving.pid) - before_s < 1.5  # to read the values takes twice as long, or ten times


def test_as_many_token_ids_as_anybody_embeds_at_once_are_taken(serving):
    values = "[" + "1," * (MAX_VALUES - 10) + "1]"
    answer = say(serving.port, posting((EMBEDDING % values).encode(), "/v1/embeddings"))
    assert answer.status == 200
