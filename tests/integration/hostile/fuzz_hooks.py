"""What schemathesis is told of this API beyond its document.

FUZZ_MODELS: ids separated by commas that every request for a model names in turn, in place of a made-up one.
"""

from __future__ import annotations

import itertools
import os
from typing import Any

import schemathesis

MODELS = itertools.cycle(filter(None, os.environ.get("FUZZ_MODELS", "").split(",")))


@schemathesis.hook
def before_call(ctx: Any, case: Any, kwargs: Any) -> None:
    case.body = _sendable(case.body)
    if isinstance(case.body, dict) and isinstance(case.body.get("model"), str):
        case.body["model"] = next(MODELS, case.body["model"])


def _sendable(value: Any) -> Any:
    """JSON Schema takes 1.0 for an integer, this API does not, and there is no way to say so."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {name: _sendable(inner) for name, inner in value.items()}
    return [_sendable(inner) for inner in value] if isinstance(value, list) else value
