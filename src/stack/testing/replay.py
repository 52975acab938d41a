"""An upstream that answers with what a real provider once said, on a real socket."""

from __future__ import annotations

import ssl
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Self
from urllib.parse import unquote

from stack.testing.answers import encode, error_body
from stack.testing.exchange import JSON, SSE, Headers, chunked, head
from stack.testing.http import Connection, HttpServer, Request
from stack.testing.matching import Key, difference, key_of, nearest
from stack.testing.recordings import Recording, endpoint_of, read_recordings

# No real provider sends it: whoever sees it knows that the recordings are at fault, or the request.
NOT_RECORDED = 599


class ReplayUpstream:
    """Serves the recorded exchanges of one provider: `async with ReplayUpstream(folder / "openai") as upstream`.

    A request is answered if method, endpoint and the whole JSON body are those of a recording; of equal recordings
    each is used once, in order, and the last one from then on. Anything else gets status 599 and is kept in `unknown`.
    The models list is served apart from that: it is neither unknown nor unused.

    received: every request, in order. unknown: a sentence about each request that no recording answers.
    """

    def __init__(self, source: Path | Iterable[Path], *, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        recordings = read_recordings(source)
        providers = sorted({recording.provider for recording in recordings})
        if len(providers) > 1:
            raise ValueError(f"one upstream replays one provider, these recordings are of `{'`, `'.join(providers)}`")
        self.recordings = [each for each in recordings if each.endpoint != "/v1/models"]
        self.received: list[Request] = []
        self.unknown: list[str] = []
        self._models = next((each for each in recordings if each.endpoint == "/v1/models"), None)
        self._server = HttpServer(self._answer, port=port, tls=tls)
        self._used: set[str] = set()
        self._by_key: defaultdict[Key, list[Recording]] = defaultdict(list)
        for each in self.recordings:
            self._by_key[key_of(each.method, each.endpoint, each.request)].append(each)

    @property
    def port(self) -> int:
        return self._server.port

    @property
    def origin(self) -> str:
        """Scheme, host and port; any prefix may stand before `/v1`, and Azure's paths are understood."""
        return self._server.origin

    @property
    def base_url(self) -> str:
        """What an OpenAI client is given."""
        return f"{self.origin}/v1"

    def unused(self) -> list[Recording]:
        """The recordings that no request has asked for."""
        return [each for each in self.recordings if each.id not in self._used]

    def check(self) -> None:
        """Raises AssertionError if a request was unknown or a recording is unused, naming all of them."""
        unused = [f"unused: {each.path}" for each in self.unused()]
        if problems := [*self.unknown, *unused]:
            raise AssertionError("\n".join(problems))

    async def __aenter__(self) -> Self:
        await self._server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.stop()

    async def _answer(self, connection: Connection, request: Request) -> None:
        self.received.append(request)
        endpoint = endpoint_of(request.path)
        if self._models and request.method == "GET" and endpoint.startswith("/v1/models"):
            await _reply(connection, *_listing(self._models, endpoint.removeprefix("/v1/models")))
        elif recording := self._find(request, endpoint):
            await _replay(connection, request, recording)
        else:
            sentence = self._explain(request, endpoint)
            self.unknown.append(sentence)
            await _reply(connection, NOT_RECORDED, encode(error_body(NOT_RECORDED, sentence, "not_recorded")))

    def _find(self, request: Request, endpoint: str) -> Recording | None:
        candidates = self._by_key.get(key_of(request.method, endpoint, request.json), [])
        for recording in candidates:
            if recording.id not in self._used:
                self._used.add(recording.id)
                return recording
        return candidates[-1] if candidates else None

    def _explain(self, request: Request, endpoint: str) -> str:
        same = [each for each in self.recordings if (each.method, each.endpoint) == (request.method, endpoint)]
        closest = nearest(request.json, same)
        if closest is None:
            return f"no recording of `{request.method} {endpoint}`"
        where = difference(closest.request, request.json)
        return f"no recording of this `{request.method} {endpoint}`: {where} in `{closest.path.name}`, the nearest"


def _listing(models: Recording, rest: str) -> tuple[int, bytes]:
    """The models list, or the one entry of it that `/ID` names."""
    wanted = unquote(rest.removeprefix("/"))
    if not wanted:
        return models.status, models.document()
    found = [entry for entry in models.body["data"] if entry["id"] == wanted]
    return (200, encode(found[0])) if found else (404, encode(error_body(404, f"there is no model `{wanted}`")))


async def _replay(connection: Connection, request: Request, recording: Recording) -> None:
    if not recording.stream:
        await _reply(
            connection, recording.status, recording.document(request.json.get("encoding_format")), recording.id
        )
        return
    headers = {"content-type": SSE, "x-request-id": recording.id, "transfer-encoding": "chunked"}
    await connection.send(head(recording.status, headers))
    for event in recording.events():
        await connection.send(chunked(event))
    await connection.send(chunked(b""))


async def _reply(connection: Connection, status: int, body: bytes, request_id: str = "replay") -> None:
    headers: Headers = {"content-type": JSON, "x-request-id": request_id, "content-length": len(body)}
    await connection.send(head(status, headers) + body)
