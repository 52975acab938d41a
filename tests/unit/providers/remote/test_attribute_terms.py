"""Filters over terms, answered here as an engine would, mean what filters over attributes mean."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stack.apis.filters import ComparisonFilter, matches
from stack.errors import InvalidRequest
from stack.providers.remote.attribute_terms import PIECE, PIECES, Condition, Term, condition, terms

ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}
TEXTS = st.text(st.sampled_from("aAb\U00010000ï☂"), max_size=5) | st.builds(
    str.__mul__, st.sampled_from(["a", "ab", "ï"]), st.integers(0, PIECE * PIECES)
)
NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
NEAR = st.builds(operator.add, st.sampled_from([2**53, 2**62, -(2**60), 0]), st.integers(-3, 3))
VALUES = st.booleans() | TEXTS | NUMBERS | NEAR | NEAR.map(float)


def holds(wanted: Condition, fields: Mapping[str, Any]) -> bool:
    """What an engine answers that has only doubles, texts and truth values."""
    if isinstance(wanted, bool):
        return wanted
    if not isinstance(wanted, Term):
        join = all if wanted.operator == "and" else any
        return join(holds(each, fields) for each in wanted.conditions)
    held = fields.get(wanted.name)
    if wanted.operator in ORDER:
        return held is not None and ORDER[wanted.operator](held, wanted.value)
    values = wanted.value if isinstance(wanted.value, list) else [wanted.value]
    return (held in values) == (wanted.operator in ("eq", "in"))


@given(VALUES, VALUES, st.sampled_from(["eq", "ne", "gt", "gte", "lt", "lte", "in", "nin"]))
@example(2**53 + 1, 2.0**53, "gt")
@example("a" * 36, "a" * 35, "gt")
@example("a" * 37, "a" * 36, "lte")
def test_terms_compare_as_the_attributes_do(held: Any, value: Any, kind: str):
    if isinstance(value, bool) and kind in ORDER:
        value = int(value)
    asked = [value, "other", 7] if kind in ("in", "nin") else value
    if kind in ORDER and isinstance(value, str) and len(value.encode()) > PIECE * PIECES:
        value = asked = value[:3]
    filter = ComparisonFilter(type=kind, key="a key", value=asked)
    for attributes in ({"a key": held}, {}, {"b": held}):
        assert holds(condition(filter), terms(attributes)) == matches(filter, attributes)


@pytest.mark.parametrize(("kind", "expected"), [("in", False), ("nin", True)])
def test_an_empty_list_is_decided_without_the_engine(kind: str, expected: bool):
    assert condition(ComparisonFilter(type=kind, key="a", value=[])) is expected


def test_an_order_of_longer_texts_than_are_stored_is_refused():
    with pytest.raises(InvalidRequest, match="at most 36 bytes") as raised:
        condition(ComparisonFilter(type="gt", key="a", value="a" * 37))
    assert raised.value.param == "filters"


def test_names_are_plain_and_no_two_keys_share_one():
    keys = ["a", "a.b", 'a"b', "a b", "A", "612e62", "-612e62", "ключ"]
    names = {name for key in keys for name in terms({key: True})}
    assert len(names) == len(keys)
    assert all(name.replace("-", "").replace("_", "").isalnum() and name.isascii() for name in names)
