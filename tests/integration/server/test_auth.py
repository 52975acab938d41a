"""Keys of callers: every route but health, readiness and version wants one."""

from __future__ import annotations

from pathlib import Path

import openai
import pytest
from integration.reaching import in_process, over_http, server_process
from integration.wire import CHAT, asking, error_in

LOCKED = Path(__file__).with_name("locked.yaml")
KEYS = {"FIRST_KEY": "canary-first-key-of-callers", "SECOND_KEY": "canary-second-key-of-callers"}
ASK = asking("playground/not-an-llm")
PREFIXES = ("/v1", "/v1/openai/v1", "/v1alpha/admin")
PUBLIC = {f"{prefix}/{name}" for prefix in PREFIXES for name in ("health", "health/ready", "version")}


@pytest.fixture(scope="module")
def server():
    with server_process(LOCKED, variables=KEYS) as running:
        yield running


@pytest.fixture(scope="module")
def http(server):
    with over_http(server.origin) as reached:
        yield reached


@pytest.fixture(scope="module")
def library():
    with in_process(LOCKED, KEYS) as reached:
        yield reached


@pytest.fixture(params=["http", "library"])
def locked(request):
    return request.getfixturevalue(request.param)


def with_key(key, scheme="Bearer"):
    return {"authorization": f"{scheme} {key}"}


def test_every_documented_route_but_the_public_ones_is_401_without_a_key(locked):
    document = locked.wire.get("/openapi.json", headers=with_key(KEYS["FIRST_KEY"])).json()
    operations = [(method, path) for path, item in document["paths"].items() for method in item]
    statuses = {
        path: locked.wire.request(method, path.replace("{", "").replace("}", "")).status_code
        for method, path in operations
    }
    assert {path for path, status in statuses.items() if status != 401} == PUBLIC & statuses.keys()
    assert len(statuses) > 8


def test_every_route_that_inspect_lists_is_401_without_a_key(locked):
    listed = locked.wire.get("/v1/inspect/routes", headers=with_key(KEYS["FIRST_KEY"])).json()["data"]
    statuses = {each["route"]: locked.wire.request(each["method"], each["route"]).status_code for each in listed}
    assert {path for path, status in statuses.items() if status != 401} == PUBLIC & statuses.keys()


@pytest.mark.parametrize(
    "path", ["/openapi.json", "/docs", "/nothing/here", "/v1/health/", "//v1/health", "/v1/HEALTH"]
)
def test_what_is_not_documented_is_401_too(locked, path):
    assert locked.wire.get(path).status_code == 401


@pytest.mark.parametrize("key", KEYS.values())
@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
def test_each_key_opens(locked, key, scheme):
    assert locked.wire.post(CHAT, json=ASK, headers=with_key(key, scheme)).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer"},
        with_key("wrong"),
        with_key(KEYS["FIRST_KEY"][:-1]),
        with_key(KEYS["FIRST_KEY"] + "x"),
        with_key(KEYS["FIRST_KEY"].upper()),
        with_key(KEYS["FIRST_KEY"], "Basic"),
        {"authorization": KEYS["FIRST_KEY"]},
        {"api-key": KEYS["FIRST_KEY"]},
        {"authorization": b"Bearer \xff\xfe"},
    ],
    ids=str,
)
def test_anything_else_does_not(locked, headers):
    answer = locked.wire.post(CHAT, json=ASK, headers=headers)
    error = error_in(answer.content)
    assert answer.status_code == 401
    assert error["code"] in ("missing_api_key", "invalid_api_key")
    assert answer.headers["www-authenticate"] == "Bearer"


def test_the_body_is_not_read_before_the_key_is_checked(locked):
    assert locked.wire.post(CHAT, content=b"{").status_code == 401


def test_clients_take_the_key_as_an_argument(server):
    with (
        over_http(server.origin, KEYS["SECOND_KEY"]) as allowed,
        in_process(LOCKED, KEYS, KEYS["SECOND_KEY"]) as inside,
    ):
        assert allowed.client.models.list().data == inside.client.models.list().data


def test_the_openai_client_raises_what_it_raises_for_openai(locked):
    with pytest.raises(openai.AuthenticationError):
        locked.client.models.list()


def test_neither_log_nor_pages_hold_a_key(server, http):
    pages = [
        http.wire.get(path, headers=with_key(KEYS["FIRST_KEY"])).text for path in ("/v1/providers", "/openapi.json")
    ]
    assert not any(key in text for key in KEYS.values() for text in (*pages, server.output()))
