"""What belongs to a request but not to its body: set once where the request enters, read where it is needed."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class RequestContext:
    """One request's surroundings.

    deadline: loop time (`asyncio` clock, seconds) after which nothing is awaited any more; None for no limit.
    provider_data: the caller's own settings per provider id or flat, from `x-stack-provider-data`.
    """

    request_id: str = ""
    deadline: float | None = None
    provider_data: Mapping[str, Any] = field(default_factory=dict)


EMPTY = RequestContext()
request_context: ContextVar[RequestContext] = ContextVar("stack_request_context", default=EMPTY)
