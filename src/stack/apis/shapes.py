"""The shapes of JSON that requests and answers are written in: arrays, maps, objects told apart by a tag."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, TypeVar, get_args

from pydantic import Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from stack.apis.wire import WireModel

T = TypeVar("T")

# One error is enough to refuse a request: a hostile body could hold millions.
Items = Annotated[list[T], Field(fail_fast=True)]
Map = Annotated[dict[str, T], Field(fail_fast=True)]

# Steps that `TaggedBy` adds to an error's location; the one after TAGGED is the tag's value.
TAGGED = "<tagged>"
OTHER = "<other>"
KNOWN_TAG = "known_tag"


class OtherType(WireModel):
    """An object of a `type` that is not known here: passed on as it came, for the upstream to judge."""

    type: str


@dataclass(frozen=True, slots=True)
class TaggedBy:
    """Marks a union `A | B | Other`: the text in `field` picks the member whose Literal lists it, other text the last.

    An object with a listed tag is held to the shape of its member, and errors point at that member's fields.
    """

    field: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        *known, other = get_args(source)
        choices = {
            tag: handler.generate_schema(member)
            for member in known
            for tag in get_args(member.model_fields[self.field].annotation)
        }

        def refuse_known(value: WireModel) -> WireModel:
            if dict(value)[self.field] in choices:
                raise PydanticCustomError(KNOWN_TAG, "The tag belongs to another member")
            return value

        tagged = core_schema.tagged_union_schema(choices, discriminator=self.field)
        fallback = core_schema.no_info_after_validator_function(refuse_known, handler.generate_schema(other))
        return core_schema.union_schema([(tagged, TAGGED), (fallback, OTHER)], mode="left_to_right")
