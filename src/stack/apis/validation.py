"""A request that does not have the shape of the API, told in one sentence that names the field and not its value."""

from __future__ import annotations

import re
from typing import get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_core.core_schema import ErrorType

from stack.apis.shapes import KNOWN_TAG, OTHER, TAGGED
from stack.errors import InvalidRequest

Path = tuple[int | str, ...]
Fault = tuple[Path, ErrorDetails]

_LONGEST_KEY = 64  # characters of a caller's own key that a message repeats

# How pydantic names the alternatives of a union inside a location: `str`, `list[int]`, `constrained-str`, a class.
_ALTERNATIVE = re.compile(r"(str|int|float|bool)$|[a-z]+[\[-]|[A-Z]")

_EXPECTED = {
    "string_type": "a string",
    "bool_type": "a boolean",
    "int_type": "an integer",
    "float_type": "a number",
    "list_type": "an array",
    "dict_type": "an object",
    "model_type": "an object",
}
_RULES = {
    "missing": "is required",
    "finite_number": "must be a finite number",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "greater_than": "must be more than {gt}",
    "less_than": "must be less than {lt}",
    "too_short": "must not be empty",
    "string_too_short": "must not be empty",
    "too_long": "must have at most {max_length} items",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "must match `{pattern}`",
    "extra_forbidden": "is not a known field",
}
# Errors of other types come from rules of ours, whose messages are sentences already.
_STANDARD = {KNOWN_TAG, *get_args(ErrorType)}
_RECEIVED = {
    type(None): "null",
    bool: "a boolean",
    int: "a number",
    float: "a decimal number",
    str: "a string",
    list: "an array",
    dict: "an object",
}


def invalid_request(error: ValidationError) -> InvalidRequest:
    """The most telling of a validation's errors, with `param` written as OpenAI does: `messages[0].content`.

    Code `invalid_json` where the body is not JSON, with line and column.
    """
    details = error.errors(include_url=False)
    if details[0]["type"] == "json_invalid":
        return InvalidRequest(f"the request body is not valid JSON: {details[0]['ctx']['error']}", code="invalid_json")
    path, found = _most_telling([(detail["loc"], detail) for detail in details], ())
    param = dotted(path)
    subject = f"`{param}`" if param else "the request body"
    return InvalidRequest(f"{subject} {_complaint(found)}", param=param or None)


def _most_telling(faults: list[Fault], path: Path) -> tuple[Path, list[ErrorDetails]]:
    """The place of the first fault; where alternatives were tried, of those that came furthest."""
    steps = list(dict.fromkeys(where[0] for where, _ in faults if where))
    if not steps:
        return path, [detail for _, detail in faults]
    if not _are_alternatives(steps):
        return _most_telling(_below(steps[0], faults), (*path, steps[0]))
    found = [_below(step, faults) for step in steps]
    fitting = [each for each in found if not _is_another_object(each)]
    if all(_is_another_kind(each) for each in fitting):
        fitting = found
    results = [_most_telling(each, path) for each in fitting]
    furthest = max((place for place, _ in results), key=_progress)
    return furthest, [detail for place, found in results if place == furthest for detail in found]


def _below(step: int | str, faults: list[Fault]) -> list[Fault]:
    size = 2 if step == TAGGED else 1  # the tag's value follows
    return [(where[size:], detail) for where, detail in faults if where[:1] == (step,)]


def _are_alternatives(steps: list[int | str]) -> bool:
    first = steps[0]
    if isinstance(first, int):
        return False
    # A union that fails reports every alternative: a lone step is a field or a caller's key.
    return first in (TAGGED, OTHER) or (len(steps) > 1 and _ALTERNATIVE.match(first) is not None)


def _is_another_object(faults: list[Fault]) -> bool:
    """Whether the value says, by its `type`, that it is no such object."""
    return any(path == ("type",) and detail["type"] == "literal_error" for path, detail in faults)


def _is_another_kind(faults: list[Fault]) -> bool:
    return any(not path and detail["type"] in _EXPECTED for path, detail in faults)


def _progress(path: Path) -> tuple[int, ...]:
    return tuple(step if isinstance(step, int) else 0 for step in path)


def dotted(path: Path) -> str:
    """A path as OpenAI writes it: `messages[0].content`; long keys are cut."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{step[:_LONGEST_KEY]}" for step in path)
    return "".join(steps).removeprefix(".")


def _complaint(found: list[ErrorDetails]) -> str:
    for detail in found:
        is_text = isinstance(detail["input"], str)
        if rule := _RULES.get("string_too_long" if is_text and detail["type"] == "too_long" else detail["type"]):
            return rule.format(**detail.get("ctx", {}))
        if detail["type"] not in _STANDARD:
            return f"is not valid: {detail['msg']}"
    if kinds := list(dict.fromkeys(_EXPECTED[detail["type"]] for detail in found if detail["type"] in _EXPECTED)):
        received = _RECEIVED.get(type(found[0]["input"]), "something else")
        return f"must be {_alternatives(kinds)}, got {received}"
    listed = found[0].get("ctx", {}).get("expected")
    return "must be " + listed.replace("'", "`") if listed else "is not valid"


def _alternatives(names: list[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last
