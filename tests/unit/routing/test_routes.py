"""From the id that a caller says to a provider: the order of the rules, and lists that are asked for seldom."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from unit.routing.listing import Listing, instance, model

from stack.apis.context import EMPTY, RequestContext, request_context
from stack.errors import NotFound, StackError, Unsupported, UpstreamDetail, UpstreamError
from stack.routing import routes as module
from stack.routing.routes import Routes

Make = Callable[..., Routes[Any]]

ORDER = [
    ("alias", "a", "x"),  # registered
    ("a/y", "b", "y"),  # registered, though it looks like a prefix
    ("a/x", "a", "x"),  # listed
    ("a/org/x", "a", "org/x"),
    ("a/b/x", "a", "b/x"),
    ("a/unlisted", "a", "unlisted"),  # a prefix
    ("b/x", "b", "x"),  # a prefix, though `a` lists a model of that very name
    ("x", "a", "x"),  # an upstream's own id: the first provider wins
    ("y", "b", "y"),
    ("org/x", "a", "org/x"),
]


@pytest.mark.parametrize(("said", "provider_id", "told"), ORDER)
async def test_an_id_leads_to_one_provider_and_its_own_id(routes: Make, said: str, provider_id: str, told: str):
    registered = [model("x", "a", model_id="alias"), model("y", "b", model_id="a/y")]
    made = routes(instance("a", Listing("x", "org/x", "b/x")), instance("b", Listing("x", "y")), registered=registered)
    target = await made.resolve(said)
    assert (target.instance.provider_id, target.provider_model_id) == (provider_id, told)


async def test_the_order_of_the_providers_decides_who_answers_a_bare_id(routes: Make):
    made = routes(instance("b", Listing("x")), instance("a", Listing("x")))
    assert (await made.resolve("x")).instance.provider_id == "b"


async def test_an_allowed_id_is_known_before_any_list(routes: Make):
    silent = Listing(answer=lambda: 1 / 0)
    made = routes(instance("a", silent, allowed={"x"}))
    assert (await made.resolve("x")).provider_model_id == "x"
    assert silent.asked == 0


@pytest.mark.parametrize("said", ["a/z", "z", "a/other"])
async def test_what_is_not_allowed_is_not_found_though_it_is_listed(routes: Make, said: str):
    made = routes(instance("a", Listing("x", "z"), allowed={"x"}))
    with pytest.raises(NotFound):
        await made.resolve(said)
    assert [each.model_id for each in made.models()] == ["a/x"]


async def test_an_unknown_id_is_not_found_and_the_nearest_are_named(routes: Make):
    made = routes(instance("a", Listing("llama-3.1-8b", "gpt-4o")))
    with pytest.raises(NotFound, match=r"`llama-3.1-9b` does not exist: did you mean `llama-3.1-8b`") as raised:
        await made.resolve("llama-3.1-9b")
    assert (raised.value.status, raised.value.code, raised.value.param) == (404, "model_not_found", "model")


async def test_an_id_of_any_length_is_repeated_in_part(routes: Make):
    with pytest.raises(NotFound) as raised:
        await routes(instance("a", Listing("x"))).resolve("x" * 1_000_000)
    assert len(raised.value.message) < 400


@pytest.mark.parametrize("said", ["", "/", "a/", "/x", "c/x"])
async def test_odd_ids_are_not_found(routes: Make, said: str):
    with pytest.raises(NotFound):
        await routes(instance("a", Listing("x"))).resolve(said)


async def test_every_model_is_shown_once_registered_ones_first(routes: Make):
    registered = [model("x", "b", model_id="alias"), model("x", "b", model_id="b/x")]
    made = routes(instance("a", Listing("x", "y")), instance("b", Listing("x")), registered=registered)
    await made.refresh()
    assert [(each.model_id, each.provider_id) for each in made.models()] == [
        ("alias", "b"),
        ("b/x", "b"),
        ("a/x", "a"),
        ("a/y", "a"),
    ]


async def test_lists_are_asked_for_once_in_the_interval(routes: Make, monkeypatch: pytest.MonkeyPatch):
    provider = Listing("x")
    made = routes(instance("a", provider))
    for _ in range(3):
        with pytest.raises(NotFound):
            await made.resolve("unknown")
    assert provider.asked == 1
    monkeypatch.setattr(module, "LISTING_INTERVAL_S", 0.0)
    await made.refresh()
    assert provider.asked == 2


async def test_a_known_id_asks_nobody(routes: Make, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "LISTING_INTERVAL_S", 0.0)
    provider = Listing("x")
    made = routes(instance("a", provider))
    for said in ("x", "a/x", "a/unlisted", "x"):
        await made.resolve(said)
    assert provider.asked == 1


async def test_a_provider_that_hangs_delays_others_by_the_bound_and_is_asked_once(
    routes: Make, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "LISTING_WAIT_S", 0.01)
    monkeypatch.setattr(module, "LISTING_INTERVAL_S", 0.0)
    answer = asyncio.Event()
    slow = Listing("late", answer=lambda: slow_list())

    async def slow_list() -> Any:
        await answer.wait()
        return [model("late")]

    made = routes(instance("slow", slow), instance("a", Listing("x")))
    async with asyncio.timeout(60):
        assert (await made.resolve("x")).instance.provider_id == "a"
        with pytest.raises(NotFound):
            await made.resolve("late")
        answer.set()
        assert (await made.resolve("late")).instance.provider_id == "slow"
    assert slow.asked == 1


async def test_stopping_ends_a_list_that_is_still_asked_for(routes: Make, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "LISTING_WAIT_S", 0.0)
    made = routes(instance("a", Listing(answer=lambda: asyncio.Event().wait())))
    await made.refresh()
    await made.stop()
    assert len(asyncio.all_tasks()) == 1


def upstream_error(status: int | None) -> UpstreamError:
    return UpstreamError("says no", provider_id="a", phase="status", upstream=UpstreamDetail(status))


def failing(error: Exception) -> Callable[[], Any]:
    def answer() -> Any:
        raise error

    return answer


FAILURES = [
    (failing(upstream_error(None)), "unavailable", "says no"),
    (failing(upstream_error(401)), "unavailable", "says no"),
    (failing(upstream_error(404)), "degraded", "says no"),
    (failing(StackError("says no")), "degraded", "says no"),
    (failing(Unsupported("cannot")), "available", ""),
    (failing(ZeroDivisionError("sk-secret")), "degraded", "`list_models` failed with ZeroDivisionError"),
    (lambda: ["no model"], "degraded", "`list_models` failed with AttributeError"),
    (lambda: None, "degraded", "`list_models` failed with TypeError"),
]


@pytest.mark.parametrize(("answer", "status", "reason"), FAILURES)
async def test_a_provider_that_cannot_list_is_marked_and_harms_no_other(
    routes: Make, answer: Callable[[], Any], status: str, reason: str
):
    bad = instance("bad", Listing(answer=answer))
    made = routes(bad, instance("a", Listing("x")))
    assert (await made.resolve("x")).instance.provider_id == "a"
    assert (bad.status, bad.reason) == (status, reason)
    assert (await made.resolve("bad/anything")).instance is bad


async def test_models_known_before_a_failure_stay(routes: Make, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "LISTING_INTERVAL_S", 0.0)
    provider = Listing("x")
    made = routes(instance("a", provider))
    await made.refresh()
    provider.answer = failing(upstream_error(503))
    await made.refresh()
    assert (await made.resolve("x")).provider_model_id == "x"


async def test_a_list_knows_nothing_of_the_caller_who_needed_it(routes: Make):
    provider = Listing("x")
    token = request_context.set(RequestContext("req_1", 0.0, {"a": {"api_key": "sk-callers-own"}}))
    await routes(instance("a", provider)).resolve("x")
    request_context.reset(token)
    assert provider.callers == [EMPTY]


async def test_a_provider_that_did_not_start_is_not_asked(routes: Make):
    made = routes(instance("a", None))
    await made.refresh()
    assert made.models() == []
    assert (await made.resolve("a/x")).provider_model_id == "x"
