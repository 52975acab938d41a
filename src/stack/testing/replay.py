"""An upstream that answers with what a real provider once said, on a real socket."""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from pathlib import Path
from typing import Self

from stack.testing.answers import encode, error_body
from stack.testing.exchange import JSON, Headers, chunked, head
from stack.testing.http import Connection, HttpServer, Request
from stack.testing.recordings import Recording, endpoint_of, read_recordings
from stack.testing.shelf import MODELS, Shelf

# No real provider sends it: whoever sees it knows that the recordings are at fault, or the request.
NOT_RECORDED = 599


class ReplayUpstream:
    """Serves the recorded exchanges of one provider: `async with ReplayUpstream(folder / "openai") as upstream`.

    Requests are matched as `Shelf` tells; one that no recording answers gets status 599 and is kept in `unknown`.
    received: every request, in order.
    """

    def __init__(self, source: Path | Iterable[Path], *, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        recordings = read_recordings(source)
        providers = sorted({recording.provider for recording in recordings})
        if len(providers) > 1:
            raise ValueError(f"one upstream replays one provider, these recordings are of `{'`, `'.join(providers)}`")
        self.received: list[Request] = []
        self._shelf = Shelf(recordings)
        self._server = HttpServer(self._answer, port=port, tls=tls)

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

    @property
    def recordings(self) -> list[Recording]:
        """All but the lists."""
        return self._shelf.recordings

    @property
    def unknown(self) -> list[str]:
        """A sentence about each request that no recording answers."""
        return self._shelf.unknown

    def unused(self) -> list[Recording]:
        """The recordings that no request has asked for."""
        return self._shelf.unused()

    def check(self) -> None:
        """Raises AssertionError if a request was unknown or a recording is unused, naming all of them."""
        if problems := self._shelf.problems():
            raise AssertionError("\n".join(problems))

    async def __aenter__(self) -> Self:
        await self._server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.stop()

    async def _answer(self, connection: Connection, request: Request) -> None:
        self.received.append(request)
        endpoint = endpoint_of(request.path)
        if request.method == "GET" and (listed := self._shelf.listing(endpoint)):
            await _reply(connection, *listed)
        elif recording := self._shelf.find(request.method, endpoint, request.json):
            await _replay(connection, request, recording)
        else:
            sentence = self._shelf.explain(request.method, endpoint, request.json)
            if request.method != "GET" or not endpoint.startswith(MODELS):
                self.unknown.append(sentence)
            await _reply(connection, NOT_RECORDED, encode(error_body(NOT_RECORDED, sentence, "not_recorded")))


async def _replay(connection: Connection, request: Request, recording: Recording) -> None:
    if not recording.stream:
        wanted = request.json.get("encoding_format") if isinstance(request.json, dict) else None
        await _reply(connection, recording.status, recording.document(wanted), recording.id, recording.content_type)
        return
    headers = {"content-type": recording.content_type, "x-request-id": recording.id, "transfer-encoding": "chunked"}
    await connection.send(head(recording.status, headers))
    for event in recording.events():
        await connection.send(chunked(event))
    await connection.send(chunked(b""))


async def _reply(
    connection: Connection, status: int, body: bytes, request_id: str = "replay", content_type: str = JSON
) -> None:
    headers: Headers = {"content-type": content_type, "x-request-id": request_id, "content-length": len(body)}
    await connection.send(head(status, headers) + body)
