"""Checks of structured output: answers of a schema, whole and streamed, and JSON of no schema."""

from __future__ import annotations

import json
from typing import Any

from stack.providers.inline.playground.schema_check import Document
from stack.testing.inference.chatting import text_of
from stack.testing.inference.checks import Group, require
from stack.testing.inference.subject import Subject

FORMATS = Group("structured output")
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "city": {"type": "string"},
        "country": {"type": "string", "enum": ["France", "Japan"]},
        "districts": {"type": "integer", "minimum": 1, "maximum": 100},
    },
    "required": ["city", "country", "districts"],
    "additionalProperties": False,
}
FORMAT = {"type": "json_schema", "json_schema": {"name": "place", "strict": True, "schema": SCHEMA}}
ASK = "Tell the capital of France, its country, and how many districts it has."


def check_place(text: str) -> None:
    """JSON that has the schema."""
    try:
        value = json.loads(text)
    except ValueError as error:
        raise AssertionError(f"the answer is no JSON: `{text[:200]}`") from error
    document = Document(SCHEMA)
    document.steps_left = 1000
    require(document.valid(value, SCHEMA), f"the answer has not the schema: `{text[:200]}`")


@FORMATS.check("schema", optional=True)
async def schema(subject: Subject) -> None:
    """`response_format: json_schema` gets JSON of that schema."""
    check_place(text_of(await subject.chat(ASK, response_format=FORMAT)))


@FORMATS.check("streamed schema", optional=True)
async def streamed_schema(subject: Subject) -> None:
    """The texts of a stream add up to JSON of the schema."""
    check_place((await subject.stream_chat(ASK, response_format=FORMAT)).text)


@FORMATS.check("any object", optional=True)
async def any_object(subject: Subject) -> None:
    """`response_format: json_object` gets a JSON object."""
    text = text_of(await subject.chat(f"{ASK} Answer in JSON.", response_format={"type": "json_object"}))
    try:
        value = json.loads(text)
    except ValueError as error:
        raise AssertionError(f"the answer is no JSON: `{text[:200]}`") from error
    require(isinstance(value, dict), f"the answer is no JSON object: `{text[:200]}`")
