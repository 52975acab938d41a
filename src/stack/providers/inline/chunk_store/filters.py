"""Filters as SQL over the attributes of one store, with every key and value as a parameter.

The meaning is that of `stack.apis.filters.matches`. SQLite orders numbers before text before BLOBs, and truth values
are BLOBs, so a comparison needs a second bound to stay within a type.
"""

from __future__ import annotations

from stack.apis.filters import Attribute, ComparisonFilter, CompoundFilter
from stack.errors import InvalidRequest
from stack.providers.inline.chunk_store.rows import stored

MAX_PARAMETERS = 30_000  # SQLite takes 32,766 in one statement

Parameters = list[str | float | int | bytes]
_NEGATED = {"ne": "eq", "nin": "in"}
_OPERATORS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


def rows_that_pass(filter: ComparisonFilter | CompoundFilter, number: int) -> tuple[str, Parameters]:
    """A SELECT of the rows of store `number` that pass, and its parameters. Raises: InvalidRequest."""
    condition, parameters = _condition(filter, number)
    if len(parameters) > MAX_PARAMETERS:
        message = f"the filter holds {len(parameters)} keys and values: at most {MAX_PARAMETERS} are compared"
        raise InvalidRequest(message, param="filters")
    return f"SELECT row FROM chunks WHERE store = {number} AND {condition}", parameters


def _condition(filter: ComparisonFilter | CompoundFilter, number: int) -> tuple[str, Parameters]:
    if isinstance(filter, ComparisonFilter):
        return _comparison(filter, number)
    joined: list[str] = []
    parameters: Parameters = []
    for inner in filter.filters:
        condition, more = _condition(inner, number)
        joined.append(condition)
        parameters += more
    return _balanced(joined, filter.type.upper()), parameters


def _balanced(conditions: list[str], operator: str) -> str:
    """Conditions joined as a tree, since SQLite bounds how deep an expression may be."""
    if len(conditions) == 1:
        return conditions[0]
    middle = len(conditions) // 2
    return f"({_balanced(conditions[:middle], operator)} {operator} {_balanced(conditions[middle:], operator)})"


def _comparison(filter: ComparisonFilter, number: int) -> tuple[str, Parameters]:
    select, parameters, negated = comparison(filter, number)
    return f"row {'NOT ' if negated else ''}IN ({select})", parameters


def comparison(filter: ComparisonFilter, number: int) -> tuple[str, Parameters, bool]:
    """A SELECT of rows by one attribute, its parameters, and whether those are the rows that do not pass."""
    positive = _NEGATED.get(filter.type, filter.type)
    values = filter.value if isinstance(filter.value, list) else [filter.value]
    if positive in _OPERATORS:
        test = _ordered(_OPERATORS[positive], values[0])
    else:
        test = f"value IN ({', '.join('?' * len(values))})"
    select = f"SELECT row FROM attributes WHERE store = {number} AND key = ? AND {test}"
    return select, [filter.key, *map(stored, values)], positive != filter.type


def _ordered(operator: str, value: Attribute) -> str:
    """A comparison that stays among texts, or among numbers: '' is the least text, x'' the least BLOB."""
    test = f"value {operator} ?"
    if operator.startswith(">"):
        return f"{test} AND value < {'x' if isinstance(value, str) else ''}''"
    return f"{test} AND value >= ''" if isinstance(value, str) else test
