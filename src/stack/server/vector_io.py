"""The routes of chunks, as Llama Stack has them."""

from __future__ import annotations

from fastapi import Request, Response

from stack.apis.vector_search import InsertedChunk, InsertRequest, InsertResponse, QueryChunksResponse, QueryRequest
from stack.server.endpoint import Endpoint, json_response, read_body
from stack.server.long_bodies import LongList
from stack.server.requests import Gate
from stack.services.vector_stores import VectorStores

_ERRORS = ("404", "413", "415", "429", "502", "503", "504")


class VectorIORoutes:
    """Chunks of vector stores."""

    def __init__(self, service: VectorStores, gate: Gate) -> None:
        self._chunks = service.chunks
        self._gate = gate

    async def insert(self, request: Request) -> Response:
        """Store chunks."""
        asked = await read_body(self._gate, request, InsertRequest, LongList("chunks", InsertedChunk))
        return json_response(await self._chunks.insert(asked))

    async def query(self, request: Request) -> Response:
        """Find chunks."""
        return json_response(await self._chunks.query(await read_body(self._gate, request, QueryRequest)))


def vector_io_endpoints(service: VectorStores, gate: Gate) -> list[Endpoint]:
    """The routes below `/v1/vector-io`."""
    routes = VectorIORoutes(service, gate)
    tag, made, found = "vector_io", InsertResponse, QueryChunksResponse
    full = (*_ERRORS, "507")
    return [
        Endpoint("POST", "/vector-io/insert", routes.insert, tag, request=InsertRequest, answer=made, errors=full),
        Endpoint("POST", "/vector-io/query", routes.query, tag, request=QueryRequest, answer=found, errors=_ERRORS),
    ]
