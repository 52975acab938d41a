from __future__ import annotations

import json

import httpx2
import openai
import pytest

from stack import AsyncStackClient, StackClient
from stack.client.blocking import BlockingTransport
from stack.client.transport import AppTransport

GROQ = {
    "api": "inference",
    "provider_id": "groq/eu",
    "provider_type": "remote::groq",
    "config": {"base_url": "https://api.groq.com"},
    "health": {"status": "Error", "message": "no route"},
    "status": "unavailable",
    "reason": "no route",
}
ANSWERS = {
    "/v1/health": {"status": "OK"},
    "/v1/version": {"version": "1.2.3"},
    "/v1/providers": {"data": [GROQ]},
    "/v1/providers/groq%2Feu": GROQ,
    "/v1/inspect/routes": {"data": [{"route": "/v1/models", "method": "GET", "provider_types": ["remote::groq"]}]},
    "/v1/models": {"object": "list", "data": []},
}
OPENAI_VARIABLES = {
    "OPENAI_API_KEY": "leak",
    "OPENAI_ADMIN_KEY": "leak",
    "OPENAI_ORG_ID": "leak",
    "OPENAI_PROJECT_ID": "leak",
    "OPENAI_WEBHOOK_SECRET": "leak",
    "OPENAI_BASE_URL": "http://leak",
    "OPENAI_CUSTOM_HEADERS": "x-leak: leak\nauthorization: Bearer leak",
}


class Toy:
    """An app that answers with `ANSWERS` and keeps what it was asked."""

    def __init__(self) -> None:
        self.seen: list[dict] = []
        self.status = 200

    async def __call__(self, scope, receive, send):
        self.seen.append(scope)
        found = ANSWERS.get(scope["raw_path"].decode())
        body = json.dumps(found or {"error": {"message": "no such thing", "code": "not_found"}}).encode()
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": self.status if found else 404, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode(): value.decode() for name, value in self.seen[-1]["headers"]}


@pytest.fixture
def toy():
    return Toy()


@pytest.fixture
def connect(toy):
    opened = []

    def make(*args, **options):
        http_client = httpx2.Client(transport=BlockingTransport(AppTransport(toy)), trust_env=False)
        opened.append(StackClient(*args, http_client=http_client, **options))
        return opened[-1]

    yield make
    for client in opened:
        client.close()


@pytest.fixture
async def async_client(toy):
    async with AsyncStackClient(http_client=httpx2.AsyncClient(transport=AppTransport(toy))) as client:
        yield client


@pytest.mark.parametrize("base_url", ["http://toy", "http://toy/", "http://toy/v1", "http://toy/v1/"])
def test_the_version_prefix_is_added_once(connect, base_url):
    assert str(connect(base_url).base_url) == "http://toy/v1/"


def test_the_default_is_the_local_stack(connect):
    assert str(connect().base_url) == "http://127.0.0.1:8321/v1/"


@pytest.mark.parametrize("derived", [False, True])
def test_nothing_is_taken_from_openai_variables(connect, toy, monkeypatch, derived):
    for name, value in OPENAI_VARIABLES.items():
        monkeypatch.setenv(name, value)
    client = connect().with_options(timeout=5) if derived else connect()
    client.models.list()
    assert "leak" not in str(toy.seen) + str(vars(client))
    assert "authorization" not in toy.headers


def test_the_asynchronous_client_takes_nothing_from_openai_variables(monkeypatch):
    for name, value in OPENAI_VARIABLES.items():
        monkeypatch.setenv(name, value)
    assert "leak" not in str(vars(AsyncStackClient()))


def test_arguments_count_where_variables_do_not(connect, toy):
    connect(api_key="k", organization="o", project="p", default_headers={"x-mine": "1"}).models.list()
    sent = [toy.headers[name] for name in ("authorization", "openai-organization", "openai-project", "x-mine")]
    assert sent == ["Bearer k", "o", "p", "1"]


@pytest.mark.parametrize("derived", [False, True])
def test_provider_data_and_key_travel_with_every_request(connect, toy, derived):
    client = connect(api_key="k", provider_data={"groq_api_key": "ä"})
    (client.with_options(timeout=5) if derived else client).models.list()
    assert json.loads(toy.headers["x-stack-provider-data"]) == {"groq_api_key": "ä"}
    assert toy.headers["authorization"] == "Bearer k"


def test_without_provider_data_its_header_is_absent(connect, toy):
    connect().models.list()
    assert "x-stack-provider-data" not in toy.headers


def test_errors_are_those_of_the_openai_client(connect):
    with pytest.raises(openai.NotFoundError) as caught:
        connect().models.retrieve("nothing")
    assert caught.value.code == "not_found"


def test_a_failing_stack_is_asked_once(connect, toy, monkeypatch):
    monkeypatch.setattr(toy, "status", 503)
    with pytest.raises(openai.InternalServerError):
        connect().models.list()
    assert len(toy.seen) == 1


def test_providers_are_listed_and_retrieved(connect):
    client = connect()
    assert client.providers.list() == [client.providers.retrieve("groq/eu")]
    assert client.providers.list()[0].health.message == "no route"


def test_the_stack_tells_its_health_version_and_routes(connect):
    inspect = connect().inspect
    assert (inspect.health().status, inspect.version().version) == ("OK", "1.2.3")
    assert inspect.routes()[0].provider_types == ["remote::groq"]


async def test_the_asynchronous_client_has_the_same_calls(async_client):
    inspect = async_client.inspect
    assert ((await inspect.health()).status, (await inspect.version()).version) == ("OK", "1.2.3")
    assert (await inspect.routes())[0].route == "/v1/models"
    assert await async_client.providers.list() == [await async_client.providers.retrieve("groq/eu")]


async def test_the_asynchronous_client_raises_the_same_errors(async_client):
    with pytest.raises(openai.NotFoundError):
        await async_client.providers.retrieve("nothing")
