"""How a behaviour is chosen, what is counted, and the upstream's own pages."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from urllib.request import Request, urlopen

import pytest

from stack.testing.faults import FAULTS
from stack.testing.tls import server_context, trusting_context
from stack.testing.upstream import FaultUpstream, upstream_thread


@pytest.mark.parametrize(
    ("model", "headers", "path", "status"),
    [
        ("fault-503", {}, "/v1/chat/completions", 503),
        ("acme/fault-503@case-7", {}, "/v1/chat/completions", 503),
        ("gpt-4o", {"x_fault": "fault-418"}, "/v1/chat/completions", 418),
        ("gpt-4o", {}, "/f/fault-529/v1/embeddings", 529),
        ("gpt-4o", {"x_fault": "fault-418"}, "/f/fault-529/v1/chat/completions", 418),
        ("fault-nonsense", {}, "/v1/chat/completions", 404),
        ("fault", {}, "/v1/completions", 200),
    ],
)
async def test_a_request_chooses_its_behaviour(ask, model, headers, path, status):
    assert (await ask(model, headers=headers, path=path)).status == status


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/f/fault-redirect/picture.png", 307),
        ("/f/ok/picture.png", 200),
        ("/v1/models/fault-500", 500),
        ("/v1/models/acme%2Fok", 200),
        ("/picture.png", 404),
    ],
)
async def test_requests_without_a_body_choose_by_their_path(get, path, status):
    assert (await get(path)).status == status


async def test_models_are_listed_and_found_one_by_one(get):
    listed = (await get("/v1/models")).json["data"]
    assert [each["id"] for each in listed] == [row.example for row in FAULTS]
    assert (await get("/v1/models/gpt-4o")).json["id"] == "gpt-4o"


async def test_then_ok_counts_each_full_model_name_apart(ask):
    models = ["m/fault-500-then-ok-1@a", "m/fault-500-then-ok-1@a", "m/fault-500-then-ok-1@b"]
    assert [(await ask(model)).status for model in models] == [500, 200, 500]


@pytest.mark.parametrize("model", ["fault-hang", "fault-endless", "stream-9-every-900", "fault-gzip-bomb-9999"])
async def test_a_caller_who_leaves_is_counted_as_aborted(call, upstream, model):
    caller = await call(upstream.port)
    caller.send("/v1/chat/completions", {"model": model, "stream": True})
    await asyncio.to_thread(upstream.wait_until, lambda counts: counts.requests[model] == 1)
    await caller.close()
    counts = await asyncio.to_thread(upstream.wait_until, lambda counts: counts.aborted[model] == 1)
    assert (counts.active, counts.completed.total()) == (0, 0)


async def test_counts_tell_requests_and_connections(ask, get):
    await ask("ok")
    await ask("fault-503@x")
    seen = (await get("/counts")).json
    assert seen["requests"] == seen["completed"] == {"ok": 1, "fault-503@x": 1}
    assert (seen["total"], seen["active"], seen["accepted"], seen["connections"]) == (2, 0, 3, 1)


async def test_requests_are_kept_as_they_arrived(ask, upstream, get):
    await ask("ok@kept", headers={"x_mark": "seen"})
    (shown,) = (await get("/requests?model=ok@kept")).json["requests"]
    (request,) = upstream.requests("ok@kept")
    assert shown["headers"]["x-mark"] == request.headers["x-mark"] == "seen"
    assert json.loads(shown["body"]) == shown["json"] == request.json
    assert shown["monotonic_s"] == request.monotonic_s


async def test_reset_forgets(ask, get, upstream):
    await ask("ok")
    await get("/reset", "POST")
    assert (upstream.counts.requests.total(), upstream.requests("ok")) == (0, [])


async def test_the_faults_page_lists_every_behaviour(get):
    shown = (await get("/faults")).json["faults"]
    assert [row["example"] for row in shown] == [row.example for row in FAULTS]
    assert all(row["description"] for row in shown)


async def test_waiting_for_what_does_not_come_tells_what_came(upstream):
    with pytest.raises(TimeoutError, match="'total': 0"):
        await asyncio.to_thread(upstream.wait_until, lambda counts: counts.requests["x"] == 1, 0.01)


async def test_an_upstream_that_is_down_refuses_connections_until_it_is_up(call, get, upstream):
    idle = await call(upstream.port)
    await get("/v1/models")
    upstream.down()
    with pytest.raises(ConnectionRefusedError):
        await call(upstream.port)
    assert (await idle.hear()).ended == "eof"
    await upstream.up()
    await upstream.up()
    assert (await get("/v1/models")).status == 200


async def test_an_upstream_that_is_down_for_a_time_comes_back_by_itself(get, upstream):
    await upstream.down(0.01)
    await upstream.up()
    assert (await get("/v1/models")).status == 200


async def test_the_down_page_takes_it_down(call, get, upstream):
    assert (await get("/down?seconds=60", "POST")).status == 200
    with pytest.raises(ConnectionRefusedError):
        await call(upstream.port)


@pytest.mark.parametrize(("model", "ended"), [("fault-reset-midstream-2", "reset"), ("fault-close-midstream-2", "eof")])
async def test_faults_work_over_tls(call, model, ended):
    async with FaultUpstream(tls=server_context()) as upstream:
        caller = await call(upstream.port, trusting_context())
        caller.send("/v1/chat/completions", {"model": model, "stream": True})
        heard = await caller.hear()
    assert (upstream.base_url[:8], len(heard.events), heard.ended) == ("https://", 2, ended)


def test_a_thread_serves_tests_that_have_no_loop():
    with upstream_thread() as upstream:
        body = json.dumps({"model": "ok", "input": "hi"}).encode()
        with urlopen(Request(f"{upstream.base_url}/embeddings", body)) as answer:
            assert len(json.load(answer)["data"][0]["embedding"]) == 8
        assert upstream.wait_until(lambda counts: counts.completed["ok"] == 1).active == 0


def test_the_command_prints_where_it_listens():
    command = [sys.executable, "-m", "stack.testing.upstream", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        told = json.loads(process.stdout.readline())
        with urlopen(f"http://127.0.0.1:{told['port']}/v1/models/ok") as answer:
            assert answer.status == 200
        process.terminate()
    assert told["base_url"] == f"http://127.0.0.1:{told['port']}/v1"
