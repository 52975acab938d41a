"""The routes of vector stores, of the files in them, and of batches of files."""

from __future__ import annotations

from fastapi import Request, Response

from stack.apis.vector_search import SearchPage, SearchRequest
from stack.apis.vector_store_files import (
    FileAttachRequest,
    FileBatchRequest,
    FileContentPage,
    FileListRequest,
    FileUpdateRequest,
    VectorStoreFile,
    VectorStoreFileBatch,
    VectorStoreFileDeleted,
    VectorStoreFilePage,
)
from stack.apis.vector_stores import (
    ListRequest,
    VectorStore,
    VectorStoreCreateRequest,
    VectorStoreDeleted,
    VectorStorePage,
    VectorStoreUpdateRequest,
)
from stack.server.endpoint import Endpoint, json_response, read_body, read_query
from stack.server.requests import Gate
from stack.services.vector_stores import VectorStores

_STORE = "/vector_stores/{vector_store_id}"
_FILES = f"{_STORE}/files"
_FILE = f"{_FILES}/{{file_id}}"
_BATCHES = f"{_STORE}/file_batches"
_BATCH = f"{_BATCHES}/{{batch_id}}"
_TAG = "vector_io"
_ASKS = ("404", "429", "502", "503", "504")  # routes that ask an engine, or a model
_READS = ("404", "503")
_CHANGES = ("409", "413", "415")


class StoreRoutes:
    """Vector stores."""

    def __init__(self, service: VectorStores, gate: Gate) -> None:
        self._service = service
        self._gate = gate

    async def create(self, request: Request) -> Response:
        """Make a vector store."""
        asked = await read_body(self._gate, request, VectorStoreCreateRequest)
        return json_response(await self._service.create(asked))

    async def page(self, request: Request) -> Response:
        """List vector stores."""
        return json_response(await self._service.stores.page(read_query(request, ListRequest)))

    async def retrieve(self, vector_store_id: str) -> Response:
        """One vector store."""
        return json_response(await self._service.stores.retrieve(vector_store_id))

    async def update(self, request: Request, vector_store_id: str) -> Response:
        """Change a vector store."""
        asked = await read_body(self._gate, request, VectorStoreUpdateRequest)
        return json_response(await self._service.stores.update(vector_store_id, asked))

    async def delete(self, vector_store_id: str) -> Response:
        """Delete a vector store; its files stay."""
        return json_response(await self._service.stores.delete(vector_store_id))

    async def search(self, request: Request, vector_store_id: str) -> Response:
        """Search a vector store."""
        asked = await read_body(self._gate, request, SearchRequest)
        return json_response(await self._service.search.search(vector_store_id, asked))

    def endpoints(self) -> list[Endpoint]:
        """What answers where."""
        create, update = VectorStoreCreateRequest, VectorStoreUpdateRequest
        body = ("413", "415")
        return [
            Endpoint(
                "POST",
                "/vector_stores",
                self.create,
                _TAG,
                request=create,
                answer=VectorStore,
                errors=(*_ASKS, *body, "409"),
            ),
            Endpoint("GET", "/vector_stores", self.page, _TAG, query=ListRequest, answer=VectorStorePage),
            Endpoint("GET", _STORE, self.retrieve, _TAG, answer=VectorStore, errors=_READS),
            Endpoint("POST", _STORE, self.update, _TAG, request=update, answer=VectorStore, errors=(*_READS, *body)),
            Endpoint("DELETE", _STORE, self.delete, _TAG, answer=VectorStoreDeleted, errors=_ASKS),
            Endpoint(
                "POST",
                f"{_STORE}/search",
                self.search,
                _TAG,
                request=SearchRequest,
                answer=SearchPage,
                errors=(*_ASKS, *body),
            ),
        ]


class StoreFileRoutes:
    """Files in vector stores."""

    def __init__(self, service: VectorStores, gate: Gate) -> None:
        self._files = service.files
        self._gate = gate

    async def attach(self, request: Request, vector_store_id: str) -> Response:
        """Add a file to a vector store."""
        asked = await read_body(self._gate, request, FileAttachRequest)
        return json_response(await self._files.attach(vector_store_id, asked))

    async def page(self, request: Request, vector_store_id: str) -> Response:
        """List the files of a vector store."""
        return json_response(await self._files.page(vector_store_id, read_query(request, FileListRequest)))

    async def retrieve(self, vector_store_id: str, file_id: str) -> Response:
        """One file of a vector store."""
        return json_response(await self._files.retrieve(vector_store_id, file_id))

    async def content(self, vector_store_id: str, file_id: str) -> Response:
        """The text of a file, as it was cut."""
        return json_response(await self._files.content(vector_store_id, file_id))

    async def update(self, request: Request, vector_store_id: str, file_id: str) -> Response:
        """Give a file other attributes."""
        asked = await read_body(self._gate, request, FileUpdateRequest)
        return json_response(await self._files.update(vector_store_id, file_id, asked))

    async def delete(self, vector_store_id: str, file_id: str) -> Response:
        """Take a file out of a vector store; the file itself stays."""
        return json_response(await self._files.delete(vector_store_id, file_id))

    def endpoints(self) -> list[Endpoint]:
        """What answers where."""
        one, attach, update = VectorStoreFile, FileAttachRequest, FileUpdateRequest
        changes = (*_READS, "413", "415")
        page = VectorStoreFilePage
        return [
            Endpoint("POST", _FILES, self.attach, _TAG, request=attach, answer=one, errors=changes),
            Endpoint("GET", _FILES, self.page, _TAG, query=FileListRequest, answer=page, errors=_READS),
            Endpoint("GET", _FILE, self.retrieve, _TAG, answer=one, errors=_READS),
            Endpoint("GET", f"{_FILE}/content", self.content, _TAG, answer=FileContentPage, errors=_ASKS),
            Endpoint(
                "POST", _FILE, self.update, _TAG, request=update, answer=one, errors=(*_ASKS, "409", "413", "415")
            ),
            Endpoint("DELETE", _FILE, self.delete, _TAG, answer=VectorStoreFileDeleted, errors=_ASKS),
        ]


class BatchRoutes:
    """Batches of files."""

    def __init__(self, service: VectorStores, gate: Gate) -> None:
        self._batches = service.batches
        self._gate = gate

    async def create(self, request: Request, vector_store_id: str) -> Response:
        """Add files to a vector store together."""
        asked = await read_body(self._gate, request, FileBatchRequest)
        return json_response(await self._batches.create(vector_store_id, asked))

    async def retrieve(self, vector_store_id: str, batch_id: str) -> Response:
        """One batch."""
        return json_response(await self._batches.retrieve(vector_store_id, batch_id))

    async def page(self, request: Request, vector_store_id: str, batch_id: str) -> Response:
        """List the files of a batch."""
        asked = read_query(request, FileListRequest)
        return json_response(await self._batches.page(vector_store_id, batch_id, asked))

    async def cancel(self, vector_store_id: str, batch_id: str) -> Response:
        """Cancel what is not done of a batch."""
        return json_response(await self._batches.cancel(vector_store_id, batch_id))

    def endpoints(self) -> list[Endpoint]:
        """What answers where."""
        one = VectorStoreFileBatch
        page = VectorStoreFilePage
        changes = (*_READS, "413", "415")
        return [
            Endpoint("POST", _BATCHES, self.create, _TAG, request=FileBatchRequest, answer=one, errors=changes),
            Endpoint("GET", _BATCH, self.retrieve, _TAG, answer=one, errors=_READS),
            Endpoint("GET", f"{_BATCH}/files", self.page, _TAG, query=FileListRequest, answer=page, errors=_READS),
            Endpoint("POST", f"{_BATCH}/cancel", self.cancel, _TAG, answer=one, errors=_READS),
        ]


def vector_store_endpoints(service: VectorStores, gate: Gate) -> list[Endpoint]:
    """The routes below `/v1/vector_stores`."""
    return [
        *StoreRoutes(service, gate).endpoints(),
        *StoreFileRoutes(service, gate).endpoints(),
        *BatchRoutes(service, gate).endpoints(),
    ]
