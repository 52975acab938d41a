"""A stack starts with the providers that can, tells why the others cannot, and stops each once."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from asking import chat
from pydantic import BaseModel, SecretStr

from stack.apis.wire import Reply
from stack.config.models import ModelEntry, ProviderInstance, RunConfig, ServerConfig
from stack.errors import ConfigError, ProvidersFailed, ProviderUnavailable
from stack.registry.spec import ProviderSpec
from stack.routing import routes
from stack.runtime import Runtime

GOOD = """
import asyncio
from stack.apis.inference import Inference, Model
from stack.registry.spec import ProviderConfig

events = []

class Config(ProviderConfig):
    pass

class Good(Inference):
    def __init__(self, config, deps):
        self.config, self.deps = config, deps
        events.append("made")

    async def initialize(self):
        events.append("up")

    async def shutdown(self):
        events.append("down")

    async def list_models(self):
        return [Model(model_id="m", provider_id="x", provider_model_id="m")]
"""
FACTORY = GOOD + "\n{} get_adapter_impl(config, deps):\n    return Good(config, deps)\n"
WRAPPER = (
    GOOD
    + """
class Wrapped:
    def __init__(self, inner):
        self._inner = inner

    def __getattr__(self, name):
        return getattr(self._inner, name)

async def get_provider_impl(config, deps):
    return Wrapped(Good(config, deps))
"""
)
Provide = Callable[..., ProviderInstance]


class Keyed(BaseModel):
    api_key: SecretStr = SecretStr("canary-of-a-key")
    allowed_models: list[str] | None = None


@pytest.fixture
def provide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """`provide("a", source)`: a provider of that id from a module of its own."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)

    def make(provider_id: str, source: str = GOOD, error: ConfigError | None = None, **config: Any) -> ProviderInstance:
        module = f"provided_{provider_id}"
        (tmp_path / f"{module}.py").write_text(source)
        spec = ProviderSpec("inference", f"inline::{provider_id}", "A provider.", module=module, origin=module)
        return ProviderInstance("inference", provider_id, spec, Keyed(**config), error)

    yield make
    for name in set(sys.modules) - before:
        if name.startswith("provided_"):
            del sys.modules[name]


def runtime_of(*providers: ProviderInstance, models: tuple[ModelEntry, ...] = (), **server: Any) -> Runtime:
    served = ServerConfig(**server)
    return Runtime(RunConfig("run.yaml", "test", ["inference"], {"inference": list(providers)}, list(models), served))


def events(provider_id: str) -> list[str]:
    told: list[str] = import_module(f"provided_{provider_id}").events
    return told


FAILURES = {
    "the import": ("raise LookupError('no luck')\n" + GOOD, "LookupError: no luck"),
    "a missing package": ("import acme_that_is_not_there\n" + GOOD, "pip install acme_that_is_not_there"),
    "no class": ("", "exactly one class"),
    "the constructor": (GOOD.replace('events.append("made")', "1 / 0"), "ZeroDivisionError while it started"),
    "the start": (GOOD.replace('events.append("up")', "raise OSError('disk')"), "OSError while it started: disk"),
    "a wait of its own": (GOOD.replace('events.append("up")', "raise TimeoutError('slow')"), "TimeoutError .*: slow"),
    "a missing method": (GOOD + "Good.openai_embeddings = None\n", "openai_embeddings"),
    "a method that is not async": (GOOD.replace("async def list_models", "def list_models"), "must be an `async def`"),
    "a factory that raises": (FACTORY.format("async def") + "    raise OSError\nGood = None\n", "TypeError"),
    "a factory of something else": (FACTORY.format("def").replace("Good(config, deps)", "object()"), "has no method"),
    "an exit": (GOOD.replace('events.append("made")', "raise SystemExit(1)"), "SystemExit while it started"),
    "a secret in the reason": (
        GOOD.replace('events.append("made")', "raise ValueError(config.api_key.get_secret_value())"),
        r"ValueError while it started: \*\*\*",
    ),
}


@pytest.mark.parametrize("case", FAILURES)
async def test_a_provider_that_fails_does_not_stop_the_others(provide: Provide, case: str):
    source, reason = FAILURES[case]
    async with runtime_of(provide("bad", source), provide("good")) as runtime:
        bad, good = runtime.instances
        assert (bad.status, bad.provider, good.status) == ("failed", None, "available")
        with pytest.raises(ProviderUnavailable, match=reason):
            await runtime.inference.openai_chat_completion(chat(model="bad/m"))
        assert "canary" not in bad.reason
    assert events("good") == ["made", "up", "down"]


async def test_a_provider_that_never_starts_is_given_up(provide: Provide):
    hanging = GOOD.replace('events.append("up")', "await asyncio.Event().wait()")
    async with runtime_of(provide("bad", hanging), provide("good"), provider_start_timeout_s=0.05) as runtime:
        assert runtime.instances[0].reason == "it did not start within 0.05 seconds"
        assert runtime.instances[1].status == "available"
    assert events("bad") == ["made", "down"]


async def test_a_provider_that_could_not_start_is_shut_down(provide: Provide):
    async with runtime_of(provide("bad", GOOD.replace('events.append("up")', "1 / 0"))):
        assert events("bad") == ["made", "down"]


async def test_a_provider_with_a_broken_config_is_failed_with_its_message(provide: Provide):
    async with runtime_of(provide("a", error=ConfigError("the package is not installed"))) as runtime:
        assert (runtime.instances[0].status, runtime.instances[0].reason) == ("failed", "the package is not installed")


async def test_where_all_are_demanded_one_failure_stops_the_start(provide: Provide):
    runtime = runtime_of(provide("good"), provide("bad", "1 / 0"), provide("worse", ""))
    with pytest.raises(ProvidersFailed, match=r"provider `bad`: .*\nprovider `worse`: "):
        await runtime.start(strict=True)
    assert events("good") == ["made", "up", "down"]
    assert len(asyncio.all_tasks()) == 1


async def test_each_provider_is_stopped_once_even_if_one_cannot(provide: Provide):
    broken = GOOD.replace('events.append("down")', 'events.append("down"); 1 / 0')
    runtime = runtime_of(provide("a", broken), provide("b"))
    async with runtime:
        pass
    await runtime.stop()
    assert [events("a"), events("b")] == [["made", "up", "down"]] * 2


async def test_a_provider_may_have_no_lifecycle_at_all(provide: Provide):
    plain = GOOD.replace("async def initialize", "async def _unused").replace("async def shutdown", "async def _never")
    async with runtime_of(provide("a", plain)) as runtime:
        assert runtime.instances[0].status == "available"
    assert events("a") == ["made"]


@pytest.mark.parametrize("source", [FACTORY.format("def"), FACTORY.format("async def"), WRAPPER])
async def test_a_factory_and_a_wrapper_are_as_good_as_a_class(provide: Provide, source: str):
    async with runtime_of(provide("a", source)) as runtime:
        assert [model.model_id for model in await runtime.inference.list_models()] == ["a/m"]
    assert events("a") == ["made", "up", "down"]


async def test_each_provider_is_handed_its_id_its_config_and_the_routers(provide: Provide):
    async with runtime_of(provide("a", allowed_models=["m"])) as runtime:
        provider = runtime.instances[0].answer()
        assert (provider.deps.provider_id, provider.config.allowed_models) == ("a", ["m"])
        assert provider.deps.inference is runtime.inference


async def test_a_provider_may_call_another_by_the_router(provide: Provide):
    calling = GOOD + (
        "    async def openai_chat_completion(self, request):\n"
        "        return await self.deps.inference.openai_chat_completion(request.for_model('answers/m'))\n"
    )
    answering = GOOD + (
        "    async def openai_chat_completion(self, request):\n"
        "        from stack.apis.wire import Reply, ReplyMeta\n"
        '        return Reply(type(request), ReplyMeta(), body=b\'{"model":"m"}\')\n'
    )
    async with runtime_of(provide("calls", calling), provide("answers", answering)) as runtime:
        reply = await runtime.inference.openai_chat_completion(chat(model="calls/m"))
    assert isinstance(reply, Reply)
    assert (reply.body, reply.meta.provider_id) == (b'{"model":"calls/m"}', "answers")


async def test_registered_models_and_allowed_ones_are_routed(provide: Provide):
    entry = ModelEntry(model_id="mine", provider_id="a", provider_model_id="m", metadata={"note": "hi"})
    async with runtime_of(provide("a", allowed_models=["m"]), models=(entry,)) as runtime:
        listed = await runtime.inference.list_models()
        assert [(model.model_id, model.metadata) for model in listed] == [("mine", {"note": "hi"}), ("a/m", {})]
        assert (await runtime.inference.check_model_availability("a/other")).status == "absent"


async def test_a_provider_that_hangs_while_it_lists_delays_neither_start_nor_stop(
    provide: Provide, monkeypatch: pytest.MonkeyPatch
):
    hanging = GOOD.replace("        return [Model", "        await asyncio.Event().wait()\n        return [Model")
    monkeypatch.setattr(routes, "LISTING_WAIT_S", 3600)
    async with asyncio.timeout(60):
        async with runtime_of(provide("a", hanging), provide("b")):
            pass
    assert events("b") == ["made", "up", "down"]
    assert len(asyncio.all_tasks()) == 1
