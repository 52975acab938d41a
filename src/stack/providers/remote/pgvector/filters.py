"""Attribute filters as conditions on a `jsonb` column; keys and values travel as parameters, never as SQL.

`@>` is containment, which an index serves: `{"k": 1}` is in every object whose `k` equals 1, of the same type.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from stack.apis.filters import ComparisonFilter, CompoundFilter, Filter

Place = Callable[[str | list[str]], str]  # takes a parameter, tells how the statement names it: `$3`
_ORDER = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


def condition(filter: Filter, place: Place, column: str = "metadata") -> str:
    """The SQL of a filter, never null."""
    if isinstance(filter, CompoundFilter):
        return "(" + f" {filter.type} ".join(condition(inner, place, column) for inner in filter.filters) + ")"
    if isinstance(filter.value, list):
        # Of `any` over a missing key null comes.
        values = place([json.dumps(value) for value in filter.value])
        found = f"coalesce({column} -> {place(filter.key)}::text = any({values}::text[]::jsonb[]), false)"
        return found if filter.type == "in" else f"(not {found})"
    if filter.type in ("eq", "ne"):
        found = f"{column} @> {place(json.dumps({filter.key: filter.value}))}::text::jsonb"
        return f"({found})" if filter.type == "eq" else f"(not {found})"
    return _ordered(filter, place, column)


def _ordered(filter: ComparisonFilter, place: Place, column: str) -> str:
    sign, key = _ORDER[filter.type], f"{place(filter.key)}::text"
    if isinstance(filter.value, str):
        # By code point, as the reference orders text, whatever the database's own collation.
        kind, compared = "string", f'({column} ->> {key}) collate "C" {sign} {place(filter.value)}::text'
    else:
        kind, compared = "number", f"({column} -> {key}) {sign} {place(json.dumps(filter.value))}::text::jsonb"
    return f"(coalesce(jsonb_typeof({column} -> {key}), '') = '{kind}' and {compared})"
