"""The routes of files: an upload goes to the provider as it arrives, a download leaves as it is read."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any, Literal
from urllib.parse import quote

from fastapi import Request, Response
from pydantic import BaseModel, Field, ValidationError
from starlette.responses import StreamingResponse

from stack.apis.files import ExpiresAfter, FileDeleted, FileList, FileObject, Purpose
from stack.apis.validation import invalid_request
from stack.errors import InvalidRequest, RangeNotSatisfiable
from stack.server.endpoint import Endpoint, json_response, read_query
from stack.server.multipart import Form
from stack.server.requests import ClientGone, Gate
from stack.services.files import FilesService, checked_name

_RANGE = re.compile(r"bytes=(\d*)-(\d*)", re.ASCII)
_FORM: dict[str, dict[str, Any]] = {
    "file": {"type": "string", "format": "binary"},
    "purpose": {"type": "string", "enum": ["assistants", "batch", "fine-tune", "vision", "user_data", "evals"]},
    "expires_after[anchor]": {"const": "created_at"},
    "expires_after[seconds]": {"type": "integer", "minimum": 3600, "maximum": 2592000},
}


class ListQuery(BaseModel):
    """Which files to list; the newest come first unless `order` is `asc`."""

    after: str | None = None
    limit: int = Field(10_000, ge=1, le=10_000)
    order: Literal["asc", "desc"] = "desc"
    purpose: str | None = None


class _Upload(BaseModel):
    """The fields of an upload that are not the file."""

    purpose: Purpose
    expires_after: ExpiresAfter | None = None


class FileRoutes:
    """The files of one stack over HTTP."""

    def __init__(self, files: FilesService, gate: Gate) -> None:
        self._files = files
        self._max_file_bytes = gate.config.max_file_bytes

    async def upload(self, request: Request) -> Response:
        """Upload a file."""
        form = Form(request.headers.get("content-type", ""), _body(request), self._max_file_bytes)
        await form.open("file")
        name = checked_name(form.filename or "")
        file = await self._files.upload(name, lambda: _fields(form.fields), form.content())
        return json_response(file)

    async def list_files(self, request: Request) -> Response:
        """List files, page by page."""
        query = read_query(request, ListQuery)
        return json_response(await self._files.list_files(query.after, query.limit, query.order, query.purpose))

    async def retrieve(self, file_id: str) -> Response:
        """What is known of a file."""
        return json_response(await self._files.retrieve(file_id))

    async def content(self, request: Request, file_id: str) -> Response:
        """The bytes of a file, or of one range of it."""
        file = await self._files.retrieve(file_id)
        start, end = _span(request.headers.get("range"), file.bytes)
        headers = {
            "content-disposition": f"attachment; filename*=UTF-8''{quote(file.filename, safe='')}",
            "content-length": str(end - start),
            "accept-ranges": "bytes",
            "x-content-type-options": "nosniff",
        }
        partial = (start, end) != (0, file.bytes)
        if partial:
            headers["content-range"] = f"bytes {start}-{end - 1}/{file.bytes}"
        parts = await self._files.content(file_id, start, end)
        return StreamingResponse(parts, 206 if partial else 200, headers, "application/octet-stream")

    async def delete(self, file_id: str) -> Response:
        """Delete a file."""
        await self._files.delete(file_id)
        return json_response(FileDeleted(id=file_id))


def file_endpoints(files: FilesService, gate: Gate) -> list[Endpoint]:
    """The routes of `/v1/files`."""
    routes = FileRoutes(files, gate)
    refused = ("413", "415")
    one = "/files/{file_id}"
    return [
        Endpoint("POST", "/files", routes.upload, "files", form=_FORM, answer=FileObject, errors=refused),
        Endpoint("GET", "/files", routes.list_files, "files", query=ListQuery, answer=FileList),
        Endpoint("GET", one, routes.retrieve, "files", answer=FileObject, errors=("404",)),
        Endpoint(
            "GET",
            f"{one}/content",
            routes.content,
            "files",
            content="application/octet-stream",
            errors=("404", "416", "500", "502"),
        ),
        Endpoint("DELETE", one, routes.delete, "files", answer=FileDeleted, errors=("404",)),
    ]


async def _body(request: Request) -> AsyncIterator[bytes]:
    """The body as it arrives. Raises: ClientGone."""
    more = True
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        more = message.get("more_body", False)
        if part := message.get("body", b""):
            yield part


def _fields(fields: dict[str, str]) -> tuple[Purpose, ExpiresAfter | None]:
    """What the form says besides the file. Raises: InvalidRequest naming the field."""
    values: dict[str, object] = {}
    for name, value in fields.items():
        outer, bracket, inner = name.partition("[")
        if bracket and outer == "expires_after":
            nested = values.setdefault(outer, {})
            assert isinstance(nested, dict)
            nested[inner.removesuffix("]")] = value
        elif name == "purpose":
            values[name] = value
        else:
            raise InvalidRequest(f"`{name[:64]}` is not a field of an upload", param=name[:64])
    try:
        read = _Upload.model_validate(values)
    except ValidationError as error:
        raise invalid_request(error) from None
    return read.purpose, read.expires_after


def _span(header: str | None, size: int) -> tuple[int, int]:
    """Start and end (not included) of what is asked for; several ranges, or none that we know, mean all of it.

    Source: RFC 9110, section 14. Raises: RangeNotSatisfiable.
    """
    match = _RANGE.fullmatch(header.strip()) if header else None
    if match is None or match.group(1) == match.group(2) == "" or len(match.group()) > 64:
        return 0, size
    first, last = match.groups()
    if first == "":
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), min(size, int(last) + 1) if last else size
        if last and int(last) < int(first):
            return 0, size
    if start >= size:
        raise RangeNotSatisfiable(f"the file has {size} bytes: the range asks for what is behind them", size)
    return start, end
