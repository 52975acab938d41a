"""Recording what providers say: within `recording(folder)`, each exchange of a remote provider becomes a JSON file."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from array import array
from base64 import b64decode
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from stack.apis.wire import event_data, split_events
from stack.providers.remote.upstream import Send, Upstream, UpstreamRequest, UpstreamResponse, between
from stack.testing.matching import key_of
from stack.testing.recordings import Recording, endpoint_of, passes_by
from stack.testing.redaction import Redaction
from stack.testing.shelf import MODELS

KEPT_HEADERS = ("content-type", "retry-after", "retry-after-ms", "x-should-retry")
_USUAL = ("application/json", "text/event-stream")
Taken = list[tuple[float, int]]
"""For each block of a body: seconds since its head came, and the bytes that were there then."""


class Recorder:
    """Writes exchanges below `folder`: `<provider>/<endpoint>/NNN-<digest>.json`, lists as `<provider>/models.json`.

    What a folder holds stays, but for lists, which are written anew. secrets: masked beside those that requests carry;
    timing: whether to keep when each chunk came. written: how many exchanges were.
    """

    def __init__(self, folder: Path, secrets: Iterable[str] = (), *, timing: bool = False, scenario: str = "") -> None:
        self.folder = folder
        self.scenario = scenario
        self.written = 0
        self._timing = timing
        self._redaction = Redaction(secrets)

    def step(self, upstream: Upstream, send: Send) -> Send:
        """Stand between a provider and `send`."""

        async def recorded(request: UpstreamRequest, credential: str | None) -> UpstreamResponse:
            if passes_by(request):
                return await send(request, credential)
            self._redaction.learn(request, credential)
            response = await send(request, credential)
            return Recorded(
                response, lambda body, taken: self._keep(upstream.provider_id, request, response, body, taken)
            )

        return recorded

    def _keep(
        self, provider: str, request: UpstreamRequest, response: UpstreamResponse, body: bytes, taken: Taken
    ) -> None:
        endpoint = endpoint_of(urlsplit(request.url).path)
        if request.method == "GET" and (response.status >= 400 or endpoint.startswith(f"{MODELS}/")):
            return  # one model is found in the list
        said = self._redaction.body(request.body, request.headers.get("content-type", ""))
        headers = self._redaction.headers(response.headers, KEPT_HEADERS)
        if headers.get("content-type", "").startswith(_USUAL):
            del headers["content-type"]
        found = Recording(
            Path(), "", provider, request.method, endpoint, self.scenario, said, response.status, False, headers=headers
        )
        streamed = response.headers.get("content-type", "").startswith("text/event-stream")
        events = _chunks(body) if streamed else None
        if events is None:
            found = _whole(found, body, self._redaction)
        else:
            chunks = tuple(without_secrets(events, self._redaction))
            at_ms = _times(body, taken)[: len(chunks)] if self._timing else ()
            found = replace(found, stream=True, chunks=chunks, at_ms=at_ms, done=b"data: [DONE]" in body)
        self._write(found)

    def _write(self, recording: Recording) -> None:
        provider = self.folder / _slug(recording.provider)
        digest = hashlib.sha256("".join(key_of(recording.method, recording.endpoint, recording.request)).encode())
        name = digest.hexdigest()[:8]
        if recording.method == "GET":
            place = recording.endpoint.removeprefix("/v1/")
            path, mode, identity = provider / f"{_slug(place)}.json", "w", f"{_slug(place)}-{recording.provider}"
        else:
            folder = provider / _slug(recording.endpoint.removeprefix("/v1/"))
            numbers = (each.name.partition("-")[0] for each in folder.glob("[0-9]*-*.json"))
            number = max((int(each) for each in numbers if each.isdecimal()), default=0) + 1
            path, mode, identity = folder / f"{number:03}-{name}.json", "x", f"{name}-{number:03}"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open(mode, encoding="utf-8") as file:
            json.dump(replace(recording, id=identity).json(), file, ensure_ascii=False, indent=1)
            file.write("\n")
        self.written += 1


class Recorded(UpstreamResponse):
    """An answer that is handed on, and kept once all of it was read."""

    def __init__(self, answer: UpstreamResponse, keep: Callable[[bytes, Taken], None]) -> None:
        self.status = answer.status
        self.headers = answer.headers
        self._answer = answer
        self._keep: Callable[[bytes, Taken], None] | None = keep

    async def read(self, limit: int | None = None) -> bytes:
        body = await self._answer.read(limit)
        self._done(body, [])
        return body

    async def blocks(self) -> AsyncGenerator[bytes, None]:
        clock = asyncio.get_running_loop().time
        began, body, taken = clock(), bytearray(), Taken()
        async for block in self._answer.blocks():
            body += block
            taken.append((clock() - began, len(body)))
            if b"data: [DONE]" in body[-64:]:  # whoever has that need not read on
                self._done(bytes(body), taken)
            yield block
        self._done(bytes(body), taken)

    def _done(self, body: bytes, taken: Taken) -> None:
        keep, self._keep = self._keep, None
        if keep is not None:
            keep(body, taken)

    def close(self) -> None:
        self._answer.close()


@contextmanager
def recording(
    folder: Path, secrets: Iterable[str] = (), *, timing: bool = False, scenario: str = ""
) -> Iterator[Recorder]:
    """What providers that are made within this exchange with their services is written below `folder`."""
    recorder = Recorder(folder, secrets, timing=timing, scenario=scenario)
    with between(recorder.step):
        yield recorder


def _slug(text: str) -> str:
    return re.sub(r"[^\w.]+", "-", text).strip("-.") or "root"


def _chunks(body: bytes) -> list[Any] | None:
    """The JSON of each event of a stream, `[DONE]` left out; None for a stream of something else."""
    try:
        data = (each for each in event_data(body.replace(b"\r\n", b"\n")) if each != b"[DONE]")
        return [json.loads(each) for each in data]
    except ValueError:
        return None


def without_secrets(chunks: list[Any], redaction: Redaction) -> list[Any]:
    """The chunks of a stream without secrets, also without one that is spread over the texts of several."""
    chunks = [redaction.clean(chunk) for chunk in chunks]
    pieces: dict[int, list[dict[str, Any]]] = {}
    for chunk in chunks:
        choices = chunk.get("choices") if isinstance(chunk, dict) else None
        for choice in choices or ():
            delta = choice.get("delta")
            if isinstance(delta, dict) and isinstance(delta.get("content"), str):
                pieces.setdefault(choice.get("index", 0), []).append(delta)
    for deltas in pieces.values():
        whole = "".join(delta["content"] for delta in deltas)
        if (clean := redaction.clean(whole)) != whole:
            for delta, text in zip(deltas, [clean, *[""] * len(deltas)], strict=False):
                delta["content"] = text
    return chunks


def _times(body: bytes, taken: Taken) -> tuple[float, ...]:
    """When each event was there, in milliseconds."""
    ends, end = [], 0
    for event in split_events(body.replace(b"\r\n", b"\n")):
        end += len(event)
        if any(event_data(event)):
            ends.append(end)
    return tuple(next((round(s * 1000, 1) for s, size in taken if size >= each), 0.0) for each in ends)


def _whole(found: Recording, body: bytes, redaction: Redaction) -> Recording:
    try:
        value = redaction.clean(json.loads(body))
    except ValueError:
        return replace(found, text=redaction.clean(body.decode("utf-8", "replace")))
    if found.endpoint.endswith("/embeddings") and found.status == 200:
        with suppress(KeyError, TypeError, ValueError):  # of another form than OpenAI's: kept as it is
            value["data"] = [item | {"embedding": _numbers(item["embedding"])} for item in value["data"]]
    return replace(found, body=value)


def _numbers(embedding: Any) -> Any:
    return array("f", b64decode(embedding, validate=True)).tolist() if isinstance(embedding, str) else embedding
