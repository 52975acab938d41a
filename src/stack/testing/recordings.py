"""Recorded exchanges with real providers: plain JSON files, one request and its answer each.

{"id", "provider", "endpoint": "/v1/chat/completions", "method": "POST", "scenario",
 "request":  {"body": {...}},
 "response": {"status": 200, "stream": true,  "chunks": [...]}      the JSON of each event, without `[DONE]`
             {"status": 200, "stream": false, "body": {...}}}
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stack.testing.answers import DONE, Json, base64_floats, encode, event

# Azure says `/openai/v1/...`, or `/openai/deployments/NAME/...` and `/openai/models`; other services have prefixes.
_ENDPOINT = re.compile(r".*?/(?:v1|deployments/[^/]+|openai(?=/models))(?P<rest>/.+)")


def endpoint_of(path: str) -> str:
    """A path as recordings name it, `/v1/...`, whatever stands before that on a service."""
    match = _ENDPOINT.fullmatch(path)
    return f"/v1{match['rest']}" if match else path


@dataclass(frozen=True)
class Recording:
    """One exchange. body: the whole answer of one that was not streamed; chunks: the events of one that was."""

    path: Path
    id: str
    provider: str
    method: str
    endpoint: str
    scenario: str
    request: Json
    status: int
    stream: bool
    chunks: tuple[Json, ...]
    body: Any

    def events(self) -> list[bytes]:
        """The streamed answer, one SSE event each, `[DONE]` last."""
        return [*map(event, self.chunks), DONE]

    def document(self, encoding_format: object = None) -> bytes:
        """The whole answer; embeddings as text where `base64` was asked for. They are recorded as numbers."""
        if self.endpoint != "/v1/embeddings" or encoding_format != "base64" or self.status != 200:
            return encode(self.body)
        data = [{**item, "embedding": base64_floats(item["embedding"])} for item in self.body["data"]]
        return encode({**self.body, "data": data})


def read_recording(path: Path) -> Recording:
    """One file. Raises OSError, and ValueError if it is not a recording."""
    try:
        data = json.loads(path.read_bytes())
        response = data["response"]
        if response["stream"] != ("chunks" in response):
            raise ValueError("`response.chunks` and `response.stream` disagree")
        return Recording(
            path=path,
            **{name: data[name] for name in ("id", "provider", "method", "endpoint", "scenario")},
            request=data["request"]["body"],
            status=response["status"],
            stream=response["stream"],
            chunks=tuple(response.get("chunks", ())),
            body=response.get("body"),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"`{path}` is not a recording: {error!r}") from error


def read_recordings(source: Path | Iterable[Path]) -> list[Recording]:
    """All recordings of a folder, in the order of their paths, or of some files. Raises OSError, ValueError."""
    paths = sorted(source.rglob("*.json")) if isinstance(source, Path) and source.is_dir() else source
    found = [read_recording(path) for path in ([paths] if isinstance(paths, Path) else paths)]
    if not found:
        raise ValueError(f"there are no recordings in `{source}`")
    return found
