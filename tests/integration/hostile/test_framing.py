"""Requests that two servers could read in two ways: smuggling, odd lines, odd targets, foreign hosts, odd headers.

Each is refused in the envelope, and the connection closed where its bytes can no longer be trusted.
"""

from __future__ import annotations

import re

import pytest
from integration.hostile.provoking import LITTLE_S, LOG_LINE, provoke, worked_s
from integration.wire import CHAT, asking, error_in, head

from stack.testing.answers import encode

GOOD = encode(asking("playground/not-an-llm"))
SMUGGLED = b"GET /v1/version HTTP/1.1\r\nhost: localhost\r\n\r\n"


def posting(*lines: str, body: bytes = GOOD, version: str = "1.1") -> bytes:
    """A chat request whose framing is up to `lines`, with another request behind it."""
    start = f"POST {CHAT} HTTP/{version}\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    return (start + "".join(f"{line}\r\n" for line in lines) + "\r\n").encode("latin-1") + body + SMUGGLED


def chunks(body: bytes = GOOD, size: str = "", end: bytes = b"0\r\n\r\n") -> bytes:
    return (size or f"{len(body):x}").encode("latin-1") + b"\r\n" + body + b"\r\n" + end


def getting(target: str, *lines: str, host: str = "localhost") -> bytes:
    return "\r\n".join([f"GET {target} HTTP/1.1", f"host: {host}", *lines, "", ""]).encode("latin-1")


LENGTH = f"content-length: {len(GOOD)}"
TE = "transfer-encoding: chunked"
SMUGGLING = {
    "a length, then chunks": posting(LENGTH, TE, body=chunks()),
    "chunks, then a length": posting(TE, LENGTH, body=chunks()),
    "chunks after a zero length": posting("content-length: 0", TE, body=chunks()),
    "an unknown coding": posting("transfer-encoding: xchunked", body=chunks()),
    "a coding after chunked": posting("transfer-encoding: chunked, identity", body=chunks()),
    "a coding before chunked": posting("transfer-encoding: gzip, chunked", body=chunks()),
    "the coding identity": posting("transfer-encoding: identity", LENGTH),
    "two codings": posting(TE, "transfer-encoding: identity", body=chunks()),
    "chunked twice": posting(TE, TE, body=chunks()),
    "a vertical tab before chunked": posting("transfer-encoding: \x0bchunked", body=chunks()),
    "chunked in quotes": posting('transfer-encoding: "chunked"', body=chunks()),
    "a space before the colon": posting("transfer-encoding : chunked", body=chunks()),
    "a coding behind a bare LF": posting("x: y\ntransfer-encoding: chunked", body=chunks()),
    "a coding in HTTP/1.0": posting(TE, body=chunks(), version="1.0"),
    "the same length twice": posting(LENGTH, LENGTH),
    "two lengths": posting(LENGTH, "content-length: 3"),
    "a list of lengths": posting(f"content-length: {len(GOOD)}, {len(GOOD)}"),
    "a length with a sign": posting(f"content-length: +{len(GOOD)}"),
    "a negative length": posting("content-length: -1"),
    "a hexadecimal length": posting("content-length: 0x10"),
    "a length with a space": posting("content-length: 1 0"),
    "a length beyond 64 bits": posting("content-length: 99999999999999999999"),
    "an empty length": posting("content-length:"),
    "a chunk of 0x": posting(TE, body=chunks(size="0x5")),
    "a negative chunk": posting(TE, body=chunks(size="-1")),
    "a chunk beyond 64 bits": posting(TE, body=chunks(size="fffffffffffffffff")),
    "a chunk that is longer than its size": posting(TE, body=chunks(size="1")),
    "chunks with bare LF": posting(TE, body=chunks().replace(b"\r\n", b"\n")),
    "a bare LF in a chunk's extension": posting(TE, body=chunks(size=f"{len(GOOD):x};a\nb")),
    "a length among the trailers": posting(TE, body=chunks(end=b"0\r\ncontent-length: 5\r\n\r\n")),
}
LINES = {
    "bare LF everywhere": getting("/v1/models").replace(b"\r\n", b"\n"),
    "a bare LF in a header": getting("/v1/models", "x: y\nz: w"),
    "a bare CR in a header": getting("/v1/models", "x: y\rz: w"),
    "CRLF in a request id": getting("/v1/models", "x-request-id: a\r\n\x00evil: b"),
    "a NUL in a value": getting("/v1/models", "x: y\0z"),
    "a NUL in a name": getting("/v1/models", "x\0: y"),
    "a NUL in the path": getting("/v1/mod\0els"),
    "an escape in a value": getting("/v1/models", "x-request-id: \x1b[31m"),
    "a folded header": getting("/v1/models", "x: y\r\n z"),
    "a folded first header": b"GET /v1/models HTTP/1.1\r\n x: y\r\nhost: localhost\r\n\r\n",
    "a header without a name": getting("/v1/models", ": y"),
    "a space in a name": getting("/v1/models", "a b: y"),
    "HTTP/0.9": b"GET /v1/models\r\n\r\n",
    "HTTP/1.9": getting("/v1/models").replace(b"/1.1", b"/1.9"),
    "HTTP/2.0": getting("/v1/models").replace(b"/1.1", b"/2.0"),
    "a method in small letters": getting("/v1/models").replace(b"GET", b"get"),
    "an unknown method": getting("/v1/models").replace(b"GET", b"STEAL"),
    "a path without a slash": getting("v1/models"),
    "a path with a line end": getting("/v1/nothing%0d%0ax: y"),
    "a tunnel": b"CONNECT localhost:80 HTTP/1.1\r\nhost: localhost\r\n\r\n",
    "a URL of FTP": getting("ftp://localhost/v1/models"),
    "a URL of a file": getting("file:///etc/passwd"),
    "no host": b"GET /v1/models HTTP/1.1\r\n\r\n",
    "two hosts": getting("/v1/models", "Host: evil.example"),
}
HOSTS = {
    "a foreign host": getting("/v1/models", host="evil.example"),
    "a host that begins well": getting("/v1/models", host="localhost.evil.example"),
    "a host with a path": getting("/v1/models", host="evil.example/localhost"),
    "a host with a query": getting("/v1/models", host="localhost/v1/health?"),
    "a user at a host": getting("/v1/models", host="localhost@evil.example"),
    "an address of all networks": getting("/v1/models", host="0.0.0.0:8321"),
    "a name of nip.io": getting("/v1/models", host="127.0.0.1.nip.io"),
    "an empty host": getting("/v1/models", host=""),
    "a foreign URL": getting("http://evil.example/v1/models"),
}
LARGE = {
    "201 headers": head("/v1/models", "GET", **{f"x_{number}": number for number in range(201)}),
    "64 KiB of headers": head("/v1/models", "GET", **{f"x_{number}": "y" * 8000 for number in range(9)}),
    "one endless header": head("/v1/models", "GET", x="y" * 200_000),
    "an endless path": head("/v1/" + "x" * 200_000, "GET"),
    "many trailers": posting(TE, body=chunks(end=b"0\r\n" + b"x: y\r\n" * 300 + b"\r\n")),
}
SLOW = {
    "nothing at all": b"",
    "half a line": b"GET /v1/mod",
    "half a head": head("/v1/models", "GET")[:-2],
    "half a body": posting(LENGTH, body=b"").removesuffix(SMUGGLED) + GOOD[:-1],
    "one chunk of many": posting(TE, body=b"").removesuffix(SMUGGLED) + b"5\r\n{    \r\n",
    "a chunk of 8 exbibytes": posting(TE, body=b"").removesuffix(SMUGGLED) + b"7fffffffffffffff\r\n{",
}
REFUSED = {
    **{name: (data, 400, "invalid_http") for name, data in (SMUGGLING | LINES).items()},
    **{name: (data, 403, "bad_host") for name, data in HOSTS.items()},
    **{name: (data, 431, "headers_too_large") for name, data in LARGE.items()},
}


@pytest.mark.parametrize("case", REFUSED)
def test_it_gets_one_refusal_and_the_connection_ends(target, case):
    assert_refused(target, *REFUSED[case])


@pytest.mark.parametrize("case", SLOW)
def test_a_slow_one_gets_one_refusal_and_the_connection_ends(hasty, case):
    assert_refused(hasty, SLOW[case], 408, "request_timeout")


def assert_refused(server, data: bytes, status: int, code: str) -> None:
    before_s, logged = worked_s(server), len(server.output())
    heard = provoke(server.port, data)
    assert (heard.answers, heard.status, heard.closed) == (1, status, True)
    assert error_in(heard.body)["code"] == code
    assert worked_s(server) - before_s < LITTLE_S
    assert all(re.fullmatch(LOG_LINE, line) for line in server.output()[logged:].splitlines())


PATHS = [
    "//v1/models",
    "/v1//models",
    "/v1/../v1/models",
    "/v1/%2e%2e/v1/models",
    "/v1/health/../models",
    "/v1/health%2f..%2fmodels",
    "/v1/health/%2e%2e/models",
    "/v1/models%00",
    "/v1/models%2f..",
    "/v1/models/../providers",
    "/v1/models;/v1/health",
    "/v1/%252e%252e/models",
    "/v1\\models",
    "/V1/MODELS",
    "/v1/models.",
    "/v1/%ff%fe",
    "/v1/%ed%a0%80",
    "/v1/%zz",
    "/v1/%1b[31m",
    "/v1/%E2%80%AE/models",
    "/v1/health.json",
    "/v1/health%20",
    "/docs/../v1/models",
    "*",
]
NO_KEY_NEEDED = ["/v1/health?x=/v1/models", "/v1/%68ealth"]
KEY_NEEDED = [*PATHS, "/v1/models", "/v1/%6dodels", "/v1/models?/v1/health", "/v1/models#/v1/health", "/metrics"]


@pytest.mark.parametrize("path", PATHS)
def test_an_odd_path_is_no_other_path(target, path):
    heard = provoke(target.port, getting(path, "connection: close"))
    assert (heard.answers, heard.status) == (1, 404)
    assert error_in(heard.body)["code"] in ("route_not_found", "model_not_found")


@pytest.mark.parametrize("path", KEY_NEEDED)
@pytest.mark.parametrize(
    "line",
    ["x: y", "x-original-url: /v1/health", "x-rewrite-url: /v1/health", "x-forwarded-prefix: /v1/health", "host-x: y"],
)
def test_no_spelling_of_a_path_opens_it_without_a_key(locked, path, line):
    heard = provoke(locked.port, getting(path, line, "connection: close"))
    assert (heard.answers, heard.status) == (1, 401)


@pytest.mark.parametrize("host", ["localhost/v1/health?", "evil.example", "localhost:8321/v1/health#"])
def test_no_host_opens_a_path_without_a_key(locked, host):
    assert provoke(locked.port, getting("/v1/models", "connection: close", host=host)).status == 401


@pytest.mark.parametrize("path", NO_KEY_NEEDED)
def test_what_is_open_is_open_by_its_decoded_path(locked, path):
    assert provoke(locked.port, getting(path, "connection: close")).status == 200


LEGAL = {
    "a URL of this server": getting("http://localhost:1/v1/models", "connection: close"),
    "CHUNKED": posting("Transfer-Encoding: CHUNKED", "connection: close", body=chunks()),
    "a tab before chunked": posting("transfer-encoding:\tchunked", "connection: close", body=chunks()),
    "an extension of a chunk": posting(TE, "connection: close", body=chunks(size=f"{len(GOOD):x};a=b")),
    "trailers": posting(TE, "connection: close", body=chunks(end=b"0\r\nx: y\r\n\r\n")),
    "HTTP/1.0 without a host": b"GET /v1/models HTTP/1.0\r\n\r\n",
    "an upgrade": getting("/v1/models", "connection: upgrade, close", "upgrade: h2c"),
    "another method in a header": getting("/v1/models", "x-http-method-override: DELETE", "connection: close"),
}


@pytest.mark.parametrize("case", LEGAL)
def test_what_is_odd_but_legal_is_answered_once(target, case):
    heard = provoke(target.port, LEGAL[case])
    assert (heard.answers, heard.status, heard.closed) == (1, 200, True)
