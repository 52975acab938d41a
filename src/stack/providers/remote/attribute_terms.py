"""Attributes in terms that every engine compares alike, and filters over those terms.

Engines differ in what a comparison means: some keep integers and reals apart, some compute in doubles, some have no
order of texts or read a name as a path. So an attribute is stored as terms, fields of one plain type each, whose names
are made of letters, digits, `_` and `-`:

b_KEY          a truth value
t_KEY          a text
n_KEY, r_KEY   a number as the nearest double; what that left over, stored where doubles are more than 1 apart
o0_KEY, ...    the place of a text in the order of texts: numbers to be compared one after the other

A filter becomes comparisons of terms joined by and, or; the meaning is that of `stack.apis.filters.matches`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from stack.apis.filters import Attribute, ComparisonFilter, CompoundFilter, Filter
from stack.errors import InvalidRequest

Operator = Literal["eq", "ne", "in", "nin", "gt", "gte", "lt", "lte"]
PIECE = 6  # bytes of a text in one number, and a bit: a double holds 53 bits
PIECES = 6
EXACT = float(2**53)  # up to here every integer is a double
_PLAIN = re.compile(r"[A-Za-z0-9_]+")
_OPPOSITE: dict[str, Operator] = {"eq": "ne", "ne": "eq", "in": "nin", "nin": "in"}


@dataclass(frozen=True, slots=True)
class Term:
    """Compares one term. `ne` and `nin` hold where it is missing, the others do not.

    value: a list for `in` and `nin`, of texts or of numbers, never empty; a number for `gt` and its like.
    """

    name: str
    operator: Operator
    value: str | float | bool | list[str] | list[float]


@dataclass(frozen=True, slots=True)
class Joined:
    """All of several conditions (`and`), or at least one (`or`); two at least."""

    operator: Literal["and", "or"]
    conditions: tuple[Term | Joined, ...]


Condition = Term | Joined | bool  # True: every chunk passes; False: none does


def terms(attributes: Mapping[str, Attribute]) -> dict[str, str | float | bool]:
    """The terms of a chunk's attributes."""
    found: dict[str, str | float | bool] = {}
    for key, value in attributes.items():
        if isinstance(value, bool):
            found[_name("b", key)] = value
        elif isinstance(value, str):
            found[_name("t", key)] = value
            found.update((_name(f"o{place}", key), number) for place, number in enumerate(_pieces(value)))
        else:
            found[_name("n", key)] = near = float(value)
            if abs(near) >= EXACT:
                found[_name("r", key)] = _rest(value)
    return found


def condition(filter: Filter) -> Condition:
    """A filter over terms. Raises: InvalidRequest for an order of texts longer than is stored."""
    if isinstance(filter, CompoundFilter):
        inner = [condition(each) for each in filter.filters]
        return _all(inner) if filter.type == "and" else _any(inner)
    if isinstance(filter.value, list):
        found = _among(filter.key, filter.value)
        return found if filter.type == "in" else _not(found)
    if filter.type in ("eq", "ne"):
        found = _equal(filter.key, filter.value)
        return found if filter.type == "eq" else _not(found)
    return _ordered(filter)


def _name(kind: str, key: str) -> str:
    """The field of a term: as the key where that is plain, so that a reader of the engine's own data knows it."""
    return f"{kind}_{key}" if _PLAIN.fullmatch(key) else f"{kind}-{key.encode().hex()}"


def _rest(value: float) -> float:
    """What the nearest double leaves over: at most 512 for integers of 64 bits."""
    return float(value - int(float(value))) if isinstance(value, int) else 0.0


def _pieces(text: str) -> list[float]:
    """Numbers in the order of texts by code point: bytes of UTF-8, twice, and 1 more where the text goes on."""
    data = text.encode()[: PIECE * PIECES + 1]
    starts = range(0, max(1, min(len(data), PIECE * PIECES)), PIECE)
    return [
        float(int.from_bytes(data[start : start + PIECE].ljust(PIECE, b"\0")) * 2 + (len(data) > start + PIECE))
        for start in starts
    ]


def _equal(key: str, value: Attribute) -> Condition:
    if isinstance(value, bool):
        return Term(_name("b", key), "eq", value)
    if isinstance(value, str):
        return Term(_name("t", key), "eq", value)
    near = Term(_name("n", key), "eq", float(value))
    return _all([near, Term(_name("r", key), "eq", _rest(value))]) if abs(float(value)) >= EXACT else near


def _among(key: str, values: Iterable[Attribute]) -> Condition:
    texts: dict[str, None] = {}
    numbers: dict[float, None] = {}
    several: list[Condition] = []
    for value in values:
        if isinstance(value, str):
            texts[value] = None
        elif isinstance(value, bool) or abs(float(value)) >= EXACT:
            several.append(_equal(key, value))
        else:
            numbers[float(value)] = None
    if texts:
        several.append(Term(_name("t", key), "in", list(texts)))
    if numbers:
        several.append(Term(_name("n", key), "in", list(numbers)))
    return _any(several)


def _ordered(filter: ComparisonFilter) -> Condition:
    """Compared by the most telling number first, by the next one where that is equal."""
    operator, key, value = filter.type, filter.key, filter.value
    if isinstance(value, str):
        if len(value.encode()) > PIECE * PIECES:
            message = (
                f"`{operator}` compares texts of at most {PIECE * PIECES} bytes in this store: compare a shorter"
                " beginning, or use `eq`"
            )
            raise InvalidRequest(message, param="filters")
        numbers = [(_name(f"o{place}", key), number) for place, number in enumerate(_pieces(value))]
    else:
        assert isinstance(value, int | float), "a filter compares one value by order"
        numbers = [(_name("n", key), float(value))]
        if abs(float(value)) >= EXACT:
            numbers.append((_name("r", key), _rest(value)))
    (last, number), earlier = numbers[-1], numbers[:-1]
    assert operator in ("gt", "gte", "lt", "lte")
    found: Condition = Term(last, operator, number)
    for name, number in reversed(earlier):
        strictly: Operator = "gt" if operator in ("gt", "gte") else "lt"
        found = _any([Term(name, strictly, number), _all([Term(name, "eq", number), found])])
    return found


def _not(given: Condition) -> Condition:
    """The opposite of a condition without an order."""
    if isinstance(given, bool):
        return not given
    if isinstance(given, Term):
        return Term(given.name, _OPPOSITE[given.operator], given.value)
    inner = [_not(each) for each in given.conditions]
    return _any(inner) if given.operator == "and" else _all(inner)


def _all(conditions: Iterable[Condition]) -> Condition:
    kept = [each for each in conditions if each is not True]
    return False if False in kept else _join("and", kept, empty=True)


def _any(conditions: Iterable[Condition]) -> Condition:
    kept = [each for each in conditions if each is not False]
    return True if True in kept else _join("or", kept, empty=False)


def _join(operator: Literal["and", "or"], kept: Sequence[Condition], empty: bool) -> Condition:
    inner = tuple(each for each in kept if not isinstance(each, bool))
    if not inner:
        return empty
    return inner[0] if len(inner) == 1 else Joined(operator, inner)
