"""What a provider's status says, and which events change it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from unit.routing.listing import Listing, instance, model

from stack.errors import ProviderUnavailable, UpstreamError, UpstreamTimeout
from stack.routing.instance import Instance


def error(status: int, phase: str = "connect", code: str | None = None) -> UpstreamError:
    return UpstreamError("broken", provider_id="a", phase=phase, status=status, code=code)


Event = Callable[[Instance[Any]], object]


def listed(it: Instance[Any]) -> None:
    it.set_listed([model("x")])


def works(it: Instance[Any]) -> None:
    it.works()


def cannot_list(it: Instance[Any]) -> None:
    it.failed_to_list(ProviderUnavailable("no list"))


def no_package(it: Instance[Any]) -> None:
    it.fail("no package")


def fails(status: int, phase: str = "connect", code: str | None = None) -> Event:
    return lambda it: it.failed_to_answer(error(status, phase, code))


STORIES: list[tuple[list[Event], str, str]] = [
    ([], "available", ""),
    ([fails(502)], "unavailable", "broken"),
    ([fails(503)], "unavailable", "broken"),
    ([fails(504)], "unavailable", "broken"),
    ([fails(502), works], "available", ""),
    ([fails(502), listed], "available", ""),
    ([fails(502), fails(400)], "unavailable", "broken"),
    ([fails(400)], "available", ""),
    ([fails(401)], "available", ""),
    ([fails(429)], "available", ""),
    ([fails(502, "read")], "available", ""),  # one answer that broke off
    ([fails(504, "send", "deadline_exceeded")], "available", ""),  # one caller who could not wait
    ([cannot_list], "degraded", "no list"),
    ([cannot_list, works], "degraded", "no list"),
    ([cannot_list, listed], "available", ""),
    ([cannot_list, fails(503)], "unavailable", "broken"),
    ([no_package], "failed", "no package"),
    ([no_package, works], "failed", "no package"),
    ([no_package, listed], "failed", "no package"),
]


@pytest.mark.parametrize(("events", "status", "reason"), STORIES)
def test_the_status_follows_what_happened(events: list[Event], status: str, reason: str):
    it = instance("a", Listing())
    for event in events:
        event(it)
    assert (it.status, it.reason) == (status, reason)


def test_a_provider_that_failed_answers_with_its_reason():
    it = instance("a", Listing())
    assert it.answer() is it.provider
    it.fail("run `pip install acme`")
    with pytest.raises(ProviderUnavailable, match="provider `a` did not start: run `pip install acme`") as raised:
        it.answer()
    assert (raised.value.status, raised.value.code) == (503, "provider_unavailable")


def test_a_timeout_of_the_upstream_itself_counts():
    it = instance("a", Listing())
    it.failed_to_answer(UpstreamTimeout("slow", provider_id="a", phase="send"))
    assert it.status == "unavailable"
