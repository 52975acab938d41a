from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import openai
import pytest
from still_open import still_open

from stack import AsyncStackAsLibraryClient, BadConfig, ConfigError, StackAsLibraryClient
from stack.config.load import load_run_config

RUN_YAML = """
version: 2
image_name: counting
apis: [inference]
providers:
  inference:
    - provider_id: counting
      provider_type: inline::counting
      module: counting_provider
      config: {greeting: "${env.GREETING:=hello}"}
models:
  - {model_id: m, provider_id: counting, provider_model_id: one}
"""
KEY = "the-right-key-of-this-stack"
KEYS = f"server: {{auth: {{api_keys: [{KEY}]}}}}\n"
ASK = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


@pytest.fixture
def run_yaml(tmp_path) -> Path:
    path = tmp_path / "run.yaml"
    path.write_text(RUN_YAML)
    return path


@pytest.fixture(autouse=True)
def events(monkeypatch) -> list[str]:
    monkeypatch.syspath_prepend(Path(__file__).parent / "providers")
    import counting_provider

    counting_provider.EVENTS.clear()
    return counting_provider.EVENTS


def said(answer) -> str:
    return answer.choices[0].message.content


def test_it_answers_like_a_server(run_yaml):
    with StackAsLibraryClient(run_yaml) as client:
        assert said(client.chat.completions.create(**ASK)) == "hello"
        assert "m" in [model.id for model in client.models.list()]
        assert (client.inspect.health().status, client.inspect.ready().status) == ("OK", "ready")
        assert [provider.provider_id for provider in client.providers.list()] == ["counting"]


async def test_the_asynchronous_client_answers_like_a_server(run_yaml):
    async with AsyncStackAsLibraryClient(run_yaml) as client:
        assert said(await client.chat.completions.create(**ASK)) == "hello"
        assert "m" in [model.id async for model in client.models.list()]
        assert ((await client.inspect.health()).status, (await client.inspect.ready()).status) == ("OK", "ready")
        assert (await client.providers.retrieve("counting")).status == "available"


def test_a_distribution_is_known_by_its_name_and_answers_whole_streamed_and_embedded():
    ask = ASK | {"model": "playground/not-an-llm"}
    with StackAsLibraryClient("playground", env={}) as client:
        chunks = [chunk.choices[0] for chunk in client.chat.completions.create(**ask, stream=True) if chunk.choices]
        whole = said(client.chat.completions.create(**ask))
        embedded = client.embeddings.create(model="playground/lexical-embedding", input=["a", "b"])
    assert whole == "".join(choice.delta.content or "" for choice in chunks) != ""
    assert len(embedded.data) == 2


def test_a_stream_is_read_while_the_provider_writes_and_closing_it_reaches_the_provider(run_yaml, events):
    with StackAsLibraryClient(run_yaml) as client:
        with client.chat.completions.create(**ASK, stream=True) as stream:
            assert [next(stream).choices[0].delta.content for _ in range(3)] == ["0", "1", "2"]
        assert events == ["started", "stream closed"]


async def test_cancelling_the_reader_of_a_stream_reaches_the_provider(run_yaml, events):
    async def read_on(client):
        async for _ in await client.chat.completions.create(**ASK, stream=True):
            reading.set()

    reading = asyncio.Event()
    async with AsyncStackAsLibraryClient(run_yaml) as client:
        reader = asyncio.create_task(read_on(client))
        await reading.wait()
        reader.cancel()
        await asyncio.wait({reader})
        assert events == ["started", "stream closed"]


def test_eight_threads_start_it_once_and_two_closes_stop_it_once(run_yaml, events):
    client = StackAsLibraryClient(run_yaml)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: client.models.list(), range(8)))
    client.close(), client.close()
    assert (len(answers), events) == (8, ["started", "stopped"])


async def test_eight_tasks_start_it_once_and_two_closes_stop_it_once(run_yaml, events):
    client = AsyncStackAsLibraryClient(run_yaml)
    await asyncio.gather(*(client.chat.completions.create(**ASK) for _ in range(8)))
    await client.close()
    await client.close()
    assert (events[0], events[-1], len(events)) == ("started", "stopped", 10)


def test_nothing_starts_before_the_first_request(run_yaml, events):
    opened = still_open()
    StackAsLibraryClient(run_yaml).close()
    assert (events, opened()) == ([], set())


async def test_initialize_starts_it_early_and_once(run_yaml, events):
    async with AsyncStackAsLibraryClient(run_yaml) as client:
        await client.initialize()
        await client.initialize()
        assert events == ["started"]


def test_closing_leaves_no_thread_and_no_file_descriptor(run_yaml):
    opened = still_open()
    with StackAsLibraryClient(run_yaml) as client:
        client.chat.completions.create(**ASK)
        next(client.chat.completions.create(**ASK, stream=True))
        assert opened()
    assert opened() == set()


async def test_the_asynchronous_client_leaves_no_task_thread_or_file_descriptor(run_yaml):
    before, opened = asyncio.all_tasks(), still_open()
    async with AsyncStackAsLibraryClient(run_yaml) as client:
        await client.chat.completions.create(**ASK)
        await anext(stream := await client.chat.completions.create(**ASK, stream=True))
    assert (asyncio.all_tasks(), opened()) == (before, set())
    await stream.close()


async def test_the_synchronous_client_works_inside_a_running_event_loop(run_yaml):
    with StackAsLibraryClient(run_yaml) as client:
        assert said(client.chat.completions.create(**ASK)) == "hello"


def test_an_asynchronous_client_belongs_to_one_event_loop(run_yaml):
    async def ask():
        await client.initialize()

    client = AsyncStackAsLibraryClient(run_yaml)
    with asyncio.Runner() as first, asyncio.Runner() as second:
        first.run(ask())
        with pytest.raises(RuntimeError, match="make one in each loop"):
            second.run(ask())
        first.run(client.close())


def test_derived_clients_share_the_stack(run_yaml, events):
    with StackAsLibraryClient(run_yaml) as client:
        client.models.list()
        client.with_options(timeout=5).models.list()
    assert events == ["started", "stopped"]


async def test_derived_asynchronous_clients_share_the_stack(run_yaml, events):
    async with AsyncStackAsLibraryClient(run_yaml) as client:
        await client.with_options(timeout=5).initialize()
        await client.initialize()
    assert events == ["started", "stopped"]


def test_provider_data_reaches_the_provider(run_yaml, events):
    with StackAsLibraryClient(run_yaml, provider_data={"counting_api_key": "k"}) as client:
        client.chat.completions.create(**ASK)
    assert "asked with {'counting_api_key': 'k'}" in events


@pytest.mark.parametrize("key", [None, "wrong"])
def test_a_stack_with_keys_asks_callers_in_process_for_one_too(run_yaml, key):
    run_yaml.write_text(RUN_YAML + KEYS)
    with StackAsLibraryClient(run_yaml, api_key=key) as client, pytest.raises(openai.AuthenticationError):
        client.models.list()


def test_a_stack_with_keys_answers_a_caller_who_has_one(run_yaml):
    run_yaml.write_text(RUN_YAML + KEYS)
    with StackAsLibraryClient(run_yaml, api_key=KEY) as client:
        assert client.models.list().data


def test_errors_carry_the_servers_status_and_code(run_yaml):
    with StackAsLibraryClient(run_yaml) as client, pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(**ASK | {"model": "mm"})
    assert caught.value.code == "model_not_found"


@pytest.mark.parametrize("client", [StackAsLibraryClient, AsyncStackAsLibraryClient])
def test_a_bad_configuration_is_refused_when_the_client_is_made(run_yaml, client):
    run_yaml.write_text(RUN_YAML + "colour: blue\n")
    with pytest.raises(BadConfig, match="colour"):
        client(run_yaml)


def test_an_unknown_distribution_is_refused_with_the_nearest_name():
    with pytest.raises(ConfigError, match="`playground`"):
        StackAsLibraryClient("playgruond")


@pytest.mark.parametrize(("env", "greeting"), [(None, "from the process"), ({}, "hello"), ({"GREETING": "hi"}, "hi")])
def test_a_given_environment_replaces_that_of_the_process(run_yaml, monkeypatch, env, greeting):
    monkeypatch.setenv("GREETING", "from the process")
    with StackAsLibraryClient(run_yaml, env=env) as client:
        assert said(client.chat.completions.create(**ASK)) == greeting


def test_a_loaded_configuration_is_taken_as_it_is(run_yaml):
    with StackAsLibraryClient(load_run_config(run_yaml, {"GREETING": "loaded"})) as client:
        assert said(client.chat.completions.create(**ASK)) == "loaded"


def test_an_environment_for_a_loaded_configuration_is_refused(run_yaml):
    with pytest.raises(ConfigError, match="no effect"):
        StackAsLibraryClient(load_run_config(run_yaml, {}), env={"GREETING": "late"})


def test_proxies_of_the_environment_are_for_what_leaves_the_process(run_yaml, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with StackAsLibraryClient(run_yaml) as client:
        assert client.models.list().data
