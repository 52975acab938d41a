"""Options of sampling in their bounds, beyond which an engine fails, or does as it likes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from stack.apis.chat import ChatCompletionRequest
from stack.apis.completions import CompletionRequest
from stack.errors import InvalidRequest

MORE_SAMPLING = ("top_k", "min_p", "typical_p", "repetition_penalty")  # beyond OpenAI's, in the words of vLLM
WHOLE = {"seed": (-(2**63), 2**63 - 1), "top_k": (0, 2**31 - 1)}
REAL = {
    "temperature": (0.0, 1000.0),
    "top_p": (0.0, 1.0),
    "min_p": (0.0, 1.0),
    "typical_p": (0.001, 1.0),
    "repetition_penalty": (0.01, 100.0),
}


def sampling(request: ChatCompletionRequest | CompletionRequest, names: Iterable[str]) -> dict[str, Any]:
    """Those of the options that are given. Raises: InvalidRequest for a value that makes no sense."""
    given = dict(request) | (request.model_extra or {})
    return {name: _checked(name, given[name]) for name in names if given.get(name) is not None}


def _checked(name: str, value: Any) -> Any:
    """A number of the kind that engines want: transformers refuses a `repetition_penalty` of 1 that is no float."""
    if name in WHOLE:
        least, most = WHOLE[name]
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise InvalidRequest(f"`{name}` must be a whole number from {least} to {most}", param=name)
    if name in REAL:
        low, high = REAL[name]
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise InvalidRequest(f"`{name}` must be a number from {low:g} to {high:g}", param=name)
        return float(value)
    return value
