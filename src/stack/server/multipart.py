"""An upload form, read as it arrives: the bytes of its file go on in parts, the other fields are kept."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from email.message import Message
from typing import TYPE_CHECKING

from stack.errors import InvalidRequest, PayloadTooLarge, UnsupportedMediaType

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks, MultipartParser

MAX_FIELDS = 32
MAX_FIELD_BYTES = 64 * 1024  # all fields that are not the file, together
MAX_PART_HEADERS = 8 * 1024


@dataclass
class Part:
    """One part of a form; filename is None where it is a plain field."""

    name: str
    filename: str | None


@dataclass
class _Events:
    """What the parser met since it was last asked: parts as they begin, and bytes of the one that is open."""

    found: list[Part | bytes] = field(default_factory=list)
    ended: bool = False
    _header: bytearray = field(default_factory=bytearray)
    _value: bytearray = field(default_factory=bytearray)
    _headers: dict[str, str] = field(default_factory=dict)
    _size: int = 0
    _is_text: bool = True

    def callbacks(self) -> MultipartCallbacks:
        """By the names that the parser calls them."""
        return {
            "on_part_begin": self._headers.clear,
            "on_header_field": lambda data, start, end: self._grow(self._header, data[start:end]),
            "on_header_value": lambda data, start, end: self._grow(self._value, data[start:end]),
            "on_header_end": self._header_end,
            "on_headers_finished": self._part,
            "on_part_data": lambda data, start, end: self.found.append(data[start:end]),
            "on_end": self._end,
        }

    def _grow(self, buffer: bytearray, data: bytes) -> None:
        self._size += len(data)
        if self._size > MAX_PART_HEADERS:
            raise InvalidRequest("the headers of a part of the form are too long")
        buffer += data

    def _header_end(self) -> None:
        value = self._value.decode("utf-8", "replace")
        self._is_text &= value.encode() == self._value
        self._headers[self._header.decode("latin-1").lower()] = value
        self._header.clear()
        self._value.clear()

    def _part(self) -> None:
        self._size = 0
        message = Message()
        message["content-disposition"] = self._headers.get("content-disposition", "")
        name = message.get_param("name", header="content-disposition")
        if not isinstance(name, str):
            raise InvalidRequest("a part of the form has no name: send `content-disposition: form-data; name=...`")
        if not self._is_text:
            raise InvalidRequest("the form names a part or its file in bytes that are not UTF-8", param=name)
        self.found.append(Part(name, _unescaped(message.get_filename())))

    def _end(self) -> None:
        self.ended = True


class Form:
    """A multipart body. `fields` is whole once `file` has been read to its end."""

    def __init__(self, content_type: str, body: AsyncIterator[bytes], max_file_bytes: int) -> None:
        """Raises: UnsupportedMediaType, InvalidRequest."""
        self.fields: dict[str, str] = {}
        self.filename: str | None = None
        self._body = body
        self._max_file_bytes = max_file_bytes
        self._events = _Events()
        self._parser = _parser(content_type, self._events)
        self._first: list[Part | bytes] = []

    async def open(self, name: str) -> None:
        """Read up to the file in the field `name`. Raises: InvalidRequest if there is none."""
        async for event in self._read():
            if isinstance(event, Part) and event.name == name and event.filename is not None:
                self.filename = event.filename
                return
            self._keep(event)
        raise InvalidRequest(f"the form has no file in `{name}`: send one with a file name", param=name)

    async def content(self) -> AsyncIterator[bytes]:
        """The bytes of the file; reads the form to its end. Raises: InvalidRequest, PayloadTooLarge."""
        size, is_file = 0, True
        async for event in self._read():
            if isinstance(event, Part):
                is_file = False
                if event.filename is not None:
                    raise InvalidRequest("the form holds more than one file: send them one by one", param=event.name)
            if not is_file:
                self._keep(event)
            elif isinstance(event, bytes):
                size += len(event)
                if size > self._max_file_bytes:
                    raise PayloadTooLarge(f"the file is larger than {self._max_file_bytes} bytes", param="file")
                yield event

    async def _read(self) -> AsyncIterator[Part | bytes]:
        """What the form holds, from where the last reader stopped."""
        from python_multipart.exceptions import MultipartParseError

        while True:
            while self._events.found:
                yield self._events.found.pop(0)
            if self._events.ended:
                return
            data = await anext(self._body, None)
            if data is None:
                raise InvalidRequest("the form ends before its last boundary")
            try:
                self._parser.write(data)
            except MultipartParseError as error:
                raise InvalidRequest(f"the form is malformed: {error}") from error

    def _keep(self, event: Part | bytes) -> None:
        if isinstance(event, Part):
            if event.name in self.fields:
                raise InvalidRequest(f"the form holds `{event.name[:64]}` twice", param=event.name)
            self.fields[event.name] = ""
            self._open_field = event.name
            self._raw = bytearray()
        else:
            self._raw += event
            self.fields[self._open_field] = self._raw.decode("utf-8", "replace")
        if len(self.fields) > MAX_FIELDS or sum(map(len, self.fields.values())) > MAX_FIELD_BYTES:
            raise InvalidRequest("the form holds too many or too long fields")


def _unescaped(filename: str | None) -> str | None:
    """A name as it was before it was put between quotes. Source: the HTML standard, "multipart form data"."""
    if filename is None:
        return None
    return filename.replace("%22", '"').replace("%0D", "\r").replace("%0A", "\n")


def _parser(content_type: str, events: _Events) -> MultipartParser:
    from python_multipart.multipart import MultipartParser, parse_options_header

    media, options = parse_options_header(content_type)
    if media != b"multipart/form-data":
        raise UnsupportedMediaType("the body must be a form: send `content-type: multipart/form-data`")
    boundary = options.get(b"boundary")
    if not boundary:
        raise InvalidRequest("the content type names no boundary: send `multipart/form-data; boundary=...`")
    # It warns of every malformed form, which is answered: callers would fill the log.
    logging.getLogger("python_multipart").setLevel(logging.CRITICAL)
    return MultipartParser(boundary, events.callbacks())
