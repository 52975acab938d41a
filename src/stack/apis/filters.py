"""Attribute filters of vector stores, as OpenAI writes them; engines compile them, `matches` says what they mean."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

Attribute = str | float | int | bool
Scalar = (
    Annotated[str, Field(strict=True)]
    | Annotated[bool, Field(strict=True)]
    | Annotated[int, Field(strict=True)]
    | Annotated[float, Field(strict=True, allow_inf_nan=False)]
)

MAX_DEPTH = 8
MAX_FILTERS = 256  # comparisons in one filter, all levels together
MAX_VALUES = 1024  # values of one `in` or `nin`


class ComparisonFilter(BaseModel):
    """Compares one attribute with a value.

    Numbers compare with numbers, text with text, truth values with truth values. A missing attribute and one of
    another type match `ne` and `nin` and nothing else; `gt` and its like take numbers and text.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Literal["eq", "ne", "gt", "gte", "lt", "lte", "in", "nin"]
    key: str = Field(min_length=1, max_length=256)
    value: Scalar | list[Scalar] = Field()

    @model_validator(mode="after")
    def _value_fits(self) -> ComparisonFilter:
        several = isinstance(self.value, list)
        if several != (self.type in ("in", "nin")):
            wanted = "a list of values" if not several else "one value"
            raise PydanticCustomError("filter_value", f"`value` of `{self.type}` must be {wanted}")
        if isinstance(self.value, list) and len(self.value) > MAX_VALUES:
            raise PydanticCustomError("filter_value", f"`value` holds more than {MAX_VALUES} values")
        if isinstance(self.value, bool) and self.type not in ("eq", "ne"):
            raise PydanticCustomError("filter_value", f"`{self.type}` cannot compare truth values: use `eq` or `ne`")
        return self


class CompoundFilter(BaseModel):
    """Joins filters: all of them (`and`) or at least one (`or`)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Literal["and", "or"]
    filters: list[Filter] = Field(min_length=1, max_length=MAX_FILTERS)

    @model_validator(mode="after")
    def _size_fits(self) -> CompoundFilter:
        # Children are checked before their parent, so that a deep one is refused at its depth, not by the stack.
        if depth(self) > MAX_DEPTH:
            raise PydanticCustomError("filter_depth", f"filters are nested deeper than {MAX_DEPTH} levels")
        if size(self) > MAX_FILTERS:
            raise PydanticCustomError("filter_size", f"a filter holds more than {MAX_FILTERS} comparisons")
        return self


# Without a discriminator, whose tags would stand in the paths that errors name.
Filter = ComparisonFilter | CompoundFilter
CompoundFilter.model_rebuild()


def depth(filter: ComparisonFilter | CompoundFilter) -> int:
    """Levels of a filter: 1 for a comparison."""
    return 1 if isinstance(filter, ComparisonFilter) else 1 + max(map(depth, filter.filters))


def size(filter: ComparisonFilter | CompoundFilter) -> int:
    """Comparisons in a filter."""
    return 1 if isinstance(filter, ComparisonFilter) else sum(map(size, filter.filters))


def matches(filter: ComparisonFilter | CompoundFilter, attributes: Mapping[str, Attribute]) -> bool:
    """Whether a chunk with these attributes passes: the meaning that every engine's own compilation must have."""
    if isinstance(filter, CompoundFilter):
        join = all if filter.type == "and" else any
        return join(matches(inner, attributes) for inner in filter.filters)
    given = attributes.get(filter.key)
    if isinstance(filter.value, list):
        return any(_equal(given, value) for value in filter.value) == (filter.type == "in")
    if filter.type in ("eq", "ne"):
        return _equal(given, filter.value) == (filter.type == "eq")
    return (
        given is not None and _kind(given) == _kind(filter.value) != "bool" and _ORDER[filter.type](given, filter.value)
    )


_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}


def _kind(value: Attribute) -> str:
    if isinstance(value, bool):
        return "bool"
    return "text" if isinstance(value, str) else "number"


def _equal(given: Attribute | None, value: Attribute) -> bool:
    return given is not None and _kind(given) == _kind(value) and given == value
