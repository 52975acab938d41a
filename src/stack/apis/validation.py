"""A request that does not have the shape of the API, told in one sentence that names the field and not its value."""

from __future__ import annotations

import re
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from stack.apis.shapes import TAGGED
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
    "extra_forbidden": "is not a known field",
    "literal_error": "must be one of {expected}",
}
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
    param = _dotted(path)
    subject = f"`{param}`" if param else "the request body"
    return InvalidRequest(f"{subject} {_complaint(found)}", param=param or None)


def _most_telling(faults: list[Fault], path: Path) -> tuple[Path, list[ErrorDetails]]:
    """The place of the first fault; where alternatives were tried, of those that came furthest."""
    steps = list(dict.fromkeys(where[0] for where, _ in faults if where))
    if not steps:
        return path, [detail for _, detail in faults]
    if not _is_alternative(steps):
        return _most_telling(
            [(where[1:], detail) for where, detail in faults if where[:1] == (steps[0],)], (*path, steps[0])
        )
    results = []
    for step in steps:
        size = 2 if step == TAGGED else 1  # the tag's value follows
        branch = [(where[size:], detail) for where, detail in faults if where[:1] == (step,)]
        results.append(_most_telling(branch, path))
    furthest = max((place for place, _ in results), key=_progress)
    return furthest, [detail for place, found in results if place == furthest for detail in found]


def _is_alternative(steps: list[int | str]) -> bool:
    first = steps[0]
    if isinstance(first, int):
        return False
    # A union that fails reports every alternative: a lone step is a field or a caller's key.
    return first.startswith("<") or (len(steps) > 1 and bool(_ALTERNATIVE.match(first)))


def _progress(path: Path) -> tuple[int, ...]:
    return tuple(step if isinstance(step, int) else 0 for step in path)


def _dotted(path: Path) -> str:
    steps = (f"[{step}]" if isinstance(step, int) else f".{step[:_LONGEST_KEY]}" for step in path)
    return "".join(steps).removeprefix(".")


def _complaint(found: list[ErrorDetails]) -> str:
    for detail in sorted(found, key=lambda detail: detail["type"] == "literal_error"):
        if detail["type"] in _RULES and not (detail["type"] == "literal_error" and _expected(found)):
            return _RULES[detail["type"]].format(**_context(detail))
    if not (expected := _expected(found)):
        return "is not valid"
    return f"must be {expected}, got {_RECEIVED.get(type(found[0]['input']), 'something else')}"


def _expected(found: list[ErrorDetails]) -> str:
    names = list(dict.fromkeys(_EXPECTED[detail["type"]] for detail in found if detail["type"] in _EXPECTED))
    return " or ".join(filter(None, (", ".join(names[:-1]), names[-1]))) if names else ""


def _context(detail: ErrorDetails) -> dict[str, Any]:
    return {key: str(value).replace("'", "`") for key, value in detail.get("ctx", {}).items()}
