"""What goes over the wire: requests, events of a stream, OpenAI's error envelope, and any bytes at all."""

from __future__ import annotations

import http.client
import json
import socket
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from stack.testing.http import HOST

ENVELOPE = {"message", "type", "param", "code", "request_id"}
CHAT = "/v1/chat/completions"
PATIENCE_S = 60.0


def asking(model: str, text: str = "hi", **more: Any) -> dict[str, Any]:
    """A chat request."""
    return {"model": model, "messages": [{"role": "user", "content": text}], **more}


def events(body: bytes) -> list[bytes]:
    """The data of each event of a whole stream, each on one line; comments and other fields are left out."""
    assert body.endswith(b"\n\n"), f"the stream ends inside an event: {body[-80:]!r}"
    return [line[6:] for line in body.split(b"\n") if line.startswith(b"data: ")]


def error_in(body: bytes) -> dict[str, Any]:
    """The error of an answer or event, which must have the shape that OpenAI's clients read."""
    document = json.loads(body)
    assert document.keys() == {"error"}
    error: dict[str, Any] = document["error"]
    assert error.keys() - {"upstream"} == ENVELOPE
    assert all(error[name] and isinstance(error[name], str) for name in ("message", "type", "code"))
    assert "Traceback" not in error["message"]
    return error


@dataclass(frozen=True)
class Heard:
    """An answer that a raw socket heard. headers: lower-case names."""

    status: int
    headers: dict[str, str]
    body: bytes


def connect(port: int) -> socket.socket:
    """A connection of one's own, to send any bytes over."""
    return socket.create_connection((HOST, port), timeout=PATIENCE_S)


def hear(connection: socket.socket) -> Heard:
    """The next answer, whole. Raises http.client.HTTPException if it is not HTTP."""
    response = http.client.HTTPResponse(connection)
    with closing(response):
        response.begin()
        return Heard(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())


def say(port: int, data: bytes) -> Heard:
    """Send bytes over a connection of their own; the answer to them."""
    with connect(port) as connection:
        connection.sendall(data)
        return hear(connection)


def head(path: str = CHAT, method: str = "POST", **headers: object) -> bytes:
    """A request up to its body. headers: `_` stands for `-`."""
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"{method} {path} HTTP/1.1\r\nhost: localhost\r\n{lines}\r\n".encode("latin-1")


def posting(body: bytes, path: str = CHAT, content_type: str = "application/json", **headers: object) -> bytes:
    """A whole request."""
    return head(path, content_type=content_type, content_length=len(body), **headers) + body
