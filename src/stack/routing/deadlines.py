"""The end of a request's time, for providers that do not keep it themselves: engines in this process, and plug-ins."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from stack.apis.context import request_context
from stack.errors import UpstreamTimeout

T = TypeVar("T")

LATE_S = 0.1  # whoever keeps a deadline can tell where it stood, and comes first


def within_deadline() -> asyncio.Timeout:
    """`async with` it: TimeoutError a moment after the deadline of this request; `expired()` tells that it was it."""
    deadline = request_context.get().deadline
    return asyncio.timeout_at(None if deadline is None else deadline + LATE_S)


async def in_time(work: Awaitable[T], provider_id: str) -> T:
    """What a provider answers. Raises: UpstreamTimeout, once the request's time is over; and what the provider does."""
    limit = within_deadline()
    try:
        async with limit:
            return await work
    except TimeoutError as error:
        if not limit.expired():
            raise
        raise deadline_passed(provider_id) from error


def deadline_passed(provider_id: str) -> UpstreamTimeout:
    """The error for a provider that was still at it."""
    message = f"the request's deadline passed while waiting for provider `{provider_id}`"
    return UpstreamTimeout(message, provider_id=provider_id, phase="read", code="deadline_exceeded")
