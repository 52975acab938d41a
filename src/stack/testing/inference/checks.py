"""What a check is, and what becomes of it: data, so that pytest, the command line and others run the same ones."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from stack.errors import RequestError, StackError, UpstreamRejected
from stack.testing.inference.subject import Asked, NotSupported, NotTried, Subject

Status = Literal["pass", "fail", "not supported", "not tried"]
Run = Callable[[Subject], Awaitable[None]]
LIMIT_S = 300.0  # for one check, which asks a service a few times at most
# What services answer to an option, a route or a kind of input that they do not have.
_LACKING = frozenset((400, 404, 405, 415, 422, 501))


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that every provider does rightly, or says that it does not do.

    optional: a 4xx answer says that the provider does not do it. needs_fake: the service must be played by us.
    """

    group: str
    name: str
    sentence: str
    run: Run
    optional: bool = False
    needs_fake: bool = False

    @property
    def title(self) -> str:
        return f"{self.group}: {self.name}"


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of a check. asked: the requests and answers of one that failed."""

    check: Check
    status: Status
    note: str = ""
    asked: list[Asked] = field(default_factory=list)


class Group:
    """Checks of one kind, in the order in which they stand."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.checks: list[Check] = []

    def check(self, name: str, *, optional: bool = False, needs_fake: bool = False) -> Callable[[Run], Run]:
        """Decorate a check; its docstring is what it says of a provider that passes."""

        def add(run: Run) -> Run:
            self.checks.append(Check(self.name, name, run.__doc__ or "", run, optional, needs_fake))
            return run

        return add


async def examined(check: Check, subject: Subject) -> Finding:
    """Run one check; whatever it raises is a finding, and so is that it does not end."""
    subject.asked.clear()
    limit = asyncio.timeout(LIMIT_S)
    try:
        if check.needs_fake and subject.service is None:
            raise NotSupported("it calls no service that could be played")
        async with limit:
            await check.run(subject)
        return Finding(check, "pass")
    except NotSupported as reason:
        return Finding(check, "not supported", str(reason))
    except NotTried as reason:
        return Finding(check, "not tried", str(reason))
    except Exception as error:
        endless = AssertionError(f"it had not ended after {LIMIT_S:g} seconds")
        return _failed(check, subject, endless if limit.expired() else error)


def _failed(check: Check, subject: Subject, error: Exception) -> Finding:
    asked = list(subject.asked)
    if isinstance(error, StackError):
        if error.code == "not_recorded":
            return Finding(check, "not tried", "it is not in the recording")
        refused = isinstance(error, RequestError | UpstreamRejected) and error.status in _LACKING
        if error.code in ("unsupported", "unsupported_parameter") or (check.optional and refused):
            return Finding(check, "not supported", subject.masked(error.message))
    said = str(error) if isinstance(error, AssertionError) else f"{type(error).__name__}: {error}"
    return Finding(check, "fail", subject.masked(said), asked)


def require(holds: object, message: str) -> None:
    """Raises AssertionError with a sentence that says what is wrong with the answer."""
    if not holds:
        raise AssertionError(message)


def equal(found: Any, wanted: Any, what: str) -> None:
    """Raises AssertionError naming both values."""
    require(type(found) is type(wanted) and found == wanted, f"{what} is `{found!r}`, and must be `{wanted!r}`")
