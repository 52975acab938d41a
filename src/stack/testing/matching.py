"""Whether a request is the recorded one, and if not, where it differs first."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from stack.testing.answers import Json
from stack.testing.recordings import Recording

Key = tuple[str, str, str]


def key_of(method: str, endpoint: str, body: Any) -> Key:
    """What two equal requests have in common: method, endpoint, and the whole body without order or white space.

    One field is left out: `encoding_format` of embeddings, since a recording holds numbers whatever was asked for.
    """
    if endpoint.endswith("/embeddings") and isinstance(body, dict):
        body = {name: value for name, value in body.items() if name != "encoding_format"}
    return method, endpoint, json.dumps(body, sort_keys=True)


def nearest(body: Any, recordings: Sequence[Recording]) -> Recording | None:
    """The recording whose top-level fields agree most with `body`."""
    fields = body if isinstance(body, dict) else {}
    return max(recordings, key=lambda each: _agreement(each.request, fields), default=None)


def _agreement(recorded: Any, received: Json) -> tuple[int, int]:
    recorded = recorded if isinstance(recorded, dict) else {}
    equal = sum(received.get(name) == value for name, value in recorded.items())
    return equal, -len(recorded.keys() ^ received.keys())


def difference(recorded: Any, received: Any, path: str = "body") -> str:
    """The first place where two JSON values differ, in words; empty if they are equal."""
    if isinstance(recorded, dict) and isinstance(received, dict):
        return _object_difference(recorded, received, path)
    if isinstance(recorded, list) and isinstance(received, list) and len(recorded) == len(received):
        places = (
            difference(old, new, f"{path}[{i}]") for i, (old, new) in enumerate(zip(recorded, received, strict=True))
        )
        return next(filter(None, places), "")
    if type(recorded) is type(received) and recorded == received:
        return ""
    return f"`{path}` is {_short(received)}, recorded was {_short(recorded)}"


def _object_difference(recorded: Json, received: Json, path: str) -> str:
    if missing := recorded.keys() - received.keys():
        return f"`{path}.{min(missing)}` is missing"
    if added := received.keys() - recorded.keys():
        return f"`{path}.{min(added)}` was not in the recorded request"
    places = (difference(value, received[name], f"{path}.{name}") for name, value in recorded.items())
    return next(filter(None, places), "")


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else text[:77] + "..."
