"""The table of behaviours: each has a name, a sentence about it, and one function that answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

from stack.testing.exchange import Exchange

# Called with the exchange and the named groups of the pattern, as text; a group that is absent is left out.
Run = Callable[..., Coroutine[Any, Any, None]]

THEN_OK = re.compile(r"(?P<name>.+)-then-ok-(?P<count>\d+)")


@dataclass(frozen=True)
class Behaviour:
    """One way to answer. example: a name that `pattern` matches in full; description: what the caller gets."""

    pattern: re.Pattern[str]
    example: str
    description: str
    run: Run

    async def answer(self, exchange: Exchange, name: str) -> None:
        """Answer as `name` says; one that the pattern does not match gives no numbers. Raises CallerGone."""
        match = self.pattern.fullmatch(name)
        given = match.groupdict() if match else {}
        await self.run(exchange, **{key: value for key, value in given.items() if value is not None})


class Table:
    """Behaviours by name, in the order of their definition."""

    def __init__(self) -> None:
        self.rows: list[Behaviour] = []

    def add(self, example: str, pattern: str = "") -> Callable[[Run], Run]:
        """Decorate the function that answers to names of this form; its docstring is the description."""

        def register(run: Run) -> Run:
            form = re.compile(pattern or re.escape(example))
            self.rows.append(Behaviour(form, example, run.__doc__ or "", run))
            return run

        return register


def name_at(name: str, request_number: int) -> str:
    """What a name stands for at the n-th request (from 1): `fault-500-then-ok-2` is `ok` from the third one on."""
    match = THEN_OK.fullmatch(name)
    if match is None:
        return name
    return match["name"] if request_number <= int(match["count"]) else "ok"


def describe(rows: tuple[Behaviour, ...]) -> list[Mapping[str, str]]:
    """The table as JSON."""
    return [{"example": row.example, "pattern": row.pattern.pattern, "description": row.description} for row in rows]
