"""A vendor's own API, for what OpenAI's does not have: lists in another shape, tokens for keys."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from stack.testing.answers import encode
from stack.testing.exchange import JSON, head
from stack.testing.http import Connection, HttpServer, Request


class Service:
    """JSON answers by path, on a real socket; what has none gets 404. `received`: every request, in order."""

    def __init__(self) -> None:
        self.received: list[Request] = []
        self._answers: dict[str, list[tuple[int, Any]]] = {}
        self._server = HttpServer(self._answer)

    @property
    def origin(self) -> str:
        return self._server.origin

    def on(self, path: str, *answers: Any) -> None:
        """Answer a path with these documents, or (status, document), in order; the last one from then on."""
        self._answers[path] = [answer if isinstance(answer, tuple) else (200, answer) for answer in answers]

    def requests(self, path: str) -> list[Request]:
        return [request for request in self.received if request.path == path]

    async def _answer(self, connection: Connection, request: Request) -> None:
        self.received.append(request)
        answers = self._answers.get(request.path, [(404, {"error": {"message": "no such path"}})])
        status, document = answers.pop(0) if len(answers) > 1 else answers[0]
        body = encode(document)
        await connection.send(head(status, {"content-type": JSON, "content-length": len(body)}) + body)


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    running = Service()
    await running._server.start()
    yield running
    await running._server.stop()
