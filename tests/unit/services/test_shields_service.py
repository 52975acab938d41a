"""Shields that are registered while a stack runs: kept, shared between processes, checked first."""

from __future__ import annotations

import asyncio

import pytest
import structlog
from unit.routing.shields.scripted import Words

from stack.apis.shields import Shield, ShieldRegistration
from stack.errors import Conflict, InvalidRequest, NotFound, ProviderUnavailable
from stack.registry.spec import ProviderSpec
from stack.routing.instance import Instance
from stack.routing.safety import SafetyRouter
from stack.services.shields import ShieldsService
from stack.storage import Storage

DECLARED = Shield("declared", "words", "declared")


def instance(provider, provider_id="words"):
    made = Instance("safety", provider_id, ProviderSpec("safety", "inline::words", "Test.", "none"), None)
    made.provider = provider
    return made


class Process:
    """One of the processes that share a state directory."""

    def __init__(self, folder, *providers, declared=(DECLARED,)):
        self.storage = Storage(folder)
        self.router = SafetyRouter([*(providers or [instance(Words("bomb"))])], declared)
        self.shields = ShieldsService(declared, self.router, self.storage, structlog.get_logger("t"))

    async def ids(self):
        return [shield.shield_id for shield in await self.shields.all()]


@pytest.fixture
async def process(tmp_path):
    made = []

    def start(*providers, **more):
        made.append(Process(tmp_path, *providers, **more))
        return made[-1]

    yield start
    for each in made:
        await each.storage.close()


async def test_a_registered_shield_is_there_after_a_restart(process):
    first = process()
    await first.shields.register(ShieldRegistration(shield_id="mine", params={"a": [1]}))
    await first.storage.close()
    second = process()
    assert await second.shields.start() == []
    assert (await second.shields.find("mine")).params == {"a": [1]}
    assert await second.ids() == ["declared", "mine"]


@pytest.mark.parametrize("processes", [1, 2])
async def test_who_registers_the_same_shield_at_the_same_time_gets_it(processes, process):
    made = [process() for _ in range(processes)]
    asked = ShieldRegistration(shield_id="mine", params={"a": [1]})
    told = await asyncio.gather(*(each.shields.register(asked) for each in made * 2))
    assert {(shield.shield_id, str(shield.params)) for shield in told} == {("mine", "{'a': [1]}")}


async def test_of_two_who_register_a_shield_with_other_settings_one_is_told(process):
    asked = [ShieldRegistration(shield_id="mine", params={"a": each}) for each in (1, 2)]
    both = (each.shields.register(one) for each, one in zip((process(), process()), asked, strict=True))
    told = await asyncio.gather(*both, return_exceptions=True)
    assert sorted(type(each).__name__ for each in told) == ["Conflict", "Shield"]


async def test_processes_see_what_others_register_and_remove(process):
    one, other = process(), process()
    await one.shields.register(ShieldRegistration(shield_id="mine"))
    assert await other.ids() == ["declared", "mine"]
    await other.shields.remove("mine")
    assert await one.ids() == ["declared"]
    with pytest.raises(NotFound):
        await one.shields.find("mine")


async def test_nothing_is_stored_before_a_shield_is_registered(process, tmp_path):
    started = process()
    await started.shields.start()
    await started.ids()
    assert not (tmp_path / "shields.db").exists()


async def test_run_yaml_wins_over_what_was_registered(process):
    await process(declared=()).shields.register(ShieldRegistration(shield_id="declared", provider_shield_id="theirs"))
    assert (await process().shields.find("declared")).provider_shield_id == "declared"


async def test_what_stands_in_run_yaml_is_not_changed(process):
    started = process()
    with pytest.raises(Conflict):
        await started.shields.remove("declared")
    with pytest.raises(Conflict):
        await started.shields.register(ShieldRegistration(shield_id="declared", params={"x": 1}))


async def test_a_shield_that_its_provider_refuses_is_not_kept(process):
    class Refusing(Words):
        async def describe_shield(self, shield):
            raise InvalidRequest("no", param="params")

    started = process(instance(Refusing()), declared=())
    with pytest.raises(InvalidRequest):
        await started.shields.register(ShieldRegistration(shield_id="mine"))
    assert await started.ids() == []


async def test_a_shield_whose_provider_is_down_is_not_registered(process):
    down = instance(None)
    down.fail("no key")
    with pytest.raises(ProviderUnavailable):
        await process(down, declared=()).shields.register(ShieldRegistration(shield_id="mine"))


@pytest.mark.parametrize(("ids", "error"), [((), NotFound), (("p", "q"), InvalidRequest)])
async def test_a_provider_must_be_named_unless_there_is_one(process, ids, error):
    started = process(declared=())
    started.router.instances = {name: instance(Words(), name) for name in ids}
    with pytest.raises(error) as raised:
        await started.shields.register(ShieldRegistration(shield_id="mine"))
    assert raised.value.param == "provider_id"


async def test_shields_that_cannot_be_used_are_told_at_the_start(process):
    class Broken(Words):
        async def describe_shield(self, shield):
            raise KeyError("bug")

    down = instance(None)
    down.fail("no key")
    assert await process(down).shields.start() == ["shield `declared`: provider `words` did not start: no key"]
    assert await process(instance(Broken())).shields.start() == ["shield `declared`: its provider failed with KeyError"]
