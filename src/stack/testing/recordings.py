"""Recorded exchanges with real providers: plain JSON files, one request and its answer each.

{"id", "provider", "endpoint": "/v1/chat/completions", "method": "POST", "scenario",
 "request":  {"body": {...}}            or {"text": "..."} where it is no JSON, such as a form
 "response": {"status": 200, "stream": true,  "chunks": [...]}      the JSON of each event, without `[DONE]`
             {"status": 200, "stream": false, "body": {...}}        or "text", where the answer is no JSON
             and where they say something: "headers", "at_ms" (of each chunk, since the head), "done": false}
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stack.providers.remote.upstream import UpstreamRequest
from stack.testing.answers import DONE, Json, base64_floats, encode, event
from stack.testing.exchange import JSON, SSE

LED = "x-stack-led"
# Azure says `/openai/v1/...`, or `/openai/deployments/NAME/...` and `/openai/models`; other services have prefixes.
_ENDPOINT = re.compile(r".*?/(?:v1|deployments/[^/]+|openai(?=/models))(?P<rest>/.+)")


def endpoint_of(path: str) -> str:
    """A path as recordings name it, `/v1/...`, whatever stands before that on a service."""
    match = _ENDPOINT.fullmatch(path)
    return f"/v1{match['rest']}" if match else path


def passes_by(request: UpstreamRequest) -> bool:
    """Whether recording and replay let it be: bytes of files, signed as S3 wants it, or what a check leads away."""
    return "x-amz-date" in request.headers or LED in request.headers


@dataclass(frozen=True)
class Recording:
    """One exchange. body: the whole answer of one that was not streamed; chunks: the events of one that was.

    request: the JSON of the body, or its text where it is none. text: an answer that is no JSON, or no stream of JSON.
    headers: those of the answer that were kept. at_ms: when each chunk came, in milliseconds since the head of the
    answer; empty if nobody looked at the clock. done: whether `[DONE]` ended the stream.
    """

    path: Path
    id: str
    provider: str
    method: str
    endpoint: str
    scenario: str
    request: Any
    status: int
    stream: bool
    chunks: tuple[Json, ...] = ()
    body: Any = None
    text: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    at_ms: tuple[float, ...] = ()
    done: bool = True

    def events(self) -> list[bytes]:
        """The streamed answer, one SSE event each, `[DONE]` last."""
        return [*map(event, self.chunks), *([DONE] if self.done else [])]

    def document(self, encoding_format: object = None) -> bytes:
        """The whole answer; embeddings as text where `base64` was asked for. They are recorded as numbers."""
        if self.text is not None:
            return self.text.encode()
        if not self.endpoint.endswith("/embeddings") or encoding_format != "base64" or self.status != 200:
            return encode(self.body)
        data = [{**item, "embedding": base64_floats(item["embedding"])} for item in self.body["data"]]
        return encode({**self.body, "data": data})

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type") or (SSE if self.stream else JSON)

    def json(self) -> Json:
        """What its file holds."""
        request = {"text": self.request} if isinstance(self.request, str) else {"body": self.request}
        answer: Json = {"status": self.status, "stream": self.stream}
        if self.headers:
            answer["headers"] = dict(self.headers)
        if self.stream:
            answer |= {"chunks": list(self.chunks)} | ({"at_ms": list(self.at_ms)} if self.at_ms else {})
            answer |= {} if self.done else {"done": False}
        else:
            answer |= {"body": self.body} if self.text is None else {"text": self.text}
        named = {name: vars(self)[name] for name in ("id", "provider", "endpoint", "method", "scenario")}
        return {**named, "request": request, "response": answer}


def read_recording(path: Path) -> Recording:
    """One file. Raises OSError, and ValueError if it is not a recording."""
    try:
        data = json.loads(path.read_bytes())
        request, response = data["request"], data["response"]
        if response["stream"] != ("chunks" in response):
            raise ValueError("`response.chunks` and `response.stream` disagree")
        return Recording(
            path=path,
            **{name: data[name] for name in ("id", "provider", "method", "endpoint", "scenario")},
            request=request["text"] if "text" in request else request["body"],
            status=response["status"],
            stream=response["stream"],
            chunks=tuple(response.get("chunks", ())),
            body=response.get("body"),
            text=response.get("text"),
            headers=response.get("headers", {}),
            at_ms=tuple(response.get("at_ms", ())),
            done=response.get("done", True),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"`{path}` is not a recording: {error!r}") from error


def read_recordings(source: Path | Iterable[Path]) -> list[Recording]:
    """All recordings of a folder, in the order of their paths and numbers, or of some files.

    Raises OSError, ValueError.
    """
    if isinstance(source, Path) and not source.exists():
        raise ValueError(f"there are no recordings in `{source}`, which does not exist")
    paths = sorted(source.rglob("*.json"), key=_place) if isinstance(source, Path) and source.is_dir() else source
    found = [read_recording(path) for path in ([paths] if isinstance(paths, Path) else paths)]
    if not found:
        raise ValueError(f"there are no recordings in `{source}`")
    return found


def _place(path: Path) -> tuple[str, int, str]:
    """`999-...` comes before `1000-...`."""
    number = path.name.partition("-")[0]
    return str(path.parent), int(number) if number.isdecimal() else 0, path.name
