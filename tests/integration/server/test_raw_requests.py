"""Requests that no client library would send, over raw sockets: each gets a 4xx in OpenAI's envelope."""

from __future__ import annotations

import pytest
from integration.wire import CHAT, asking, connect, error_in, head, hear, posting, say

from stack.testing.answers import encode

GOOD = encode(asking("playground/not-an-llm"))
LIMIT = 65536
CHUNKED = head(content_type="application/json", transfer_encoding="chunked")


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


BAD = {
    "cut JSON": (posting(b'{"model": "m", "messages": ['), 400, "invalid_json"),
    "no body": (posting(b""), 400, "invalid_json"),
    "not UTF-8": (posting(GOOD.replace(b"hi", b"\xff\xfe")), 400, "invalid_json"),
    "a form": (posting(b"model=m", content_type="application/x-www-form-urlencoded"), 415, "unsupported_media_type"),
    "text": (posting(GOOD, content_type="text/plain"), 415, "unsupported_media_type"),
    "gzip": (posting(GOOD, content_encoding="gzip"), 415, "unsupported_media_type"),
    "a long body": (posting(b" " * (LIMIT + 1)), 413, "payload_too_large"),
    "a length that is too long": (
        head(content_type="application/json", content_length=LIMIT + 1),
        413,
        "payload_too_large",
    ),
    "too many chunks": (CHUNKED + chunk(b" " * 8192) * 9, 413, "payload_too_large"),
    "chunked JSON, cut": (CHUNKED + chunk(b'{"model"') + chunk(b""), 400, "invalid_json"),
    "an unknown route": (head("/v1/nothing", "GET"), 404, "route_not_found"),
    "the root": (head("/", "GET"), 404, "route_not_found"),
    "a route with a slash too many": (posting(GOOD, "/v1/chat/completions/"), 404, "route_not_found"),
    "a GET of chat": (head(CHAT, "GET"), 405, "method_not_allowed"),
    "a DELETE of models": (head("/v1/models", "DELETE"), 405, "method_not_allowed"),
    "a PUT of health": (head("/v1/health", "PUT", content_length=0), 405, "method_not_allowed"),
    "an OPTIONS": (head(CHAT, "OPTIONS"), 405, "method_not_allowed"),
    "a path that climbs": (head("/v1/../../etc/passwd", "GET"), 404, "route_not_found"),
    "an odd path": (head("/v1/%00%ff/%2e%2e", "GET"), 404, "route_not_found"),
    "one large header": (head("/v1/models", "GET", x_large="x" * 70_000), 431, "headers_too_large"),
    "many headers": (head("/v1/models", "GET", **{f"x_{n}": n for n in range(300)}), 431, "headers_too_large"),
    "a long path": (head("/v1/" + "x" * 70_000, "GET"), 431, "headers_too_large"),
    "garbage": (b"\x16\x03\x01\x02\x00garbage\r\n\r\n", 400, "invalid_http"),
    "another protocol": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "invalid_http"),
    "a wrong chunk size": (CHUNKED + b"zz\r\n{}\r\n", 400, None),
    "two lengths": (head(content_type="application/json", content_length="2\r\ncontent-length: 3") + b"{}", 400, None),
    "a length that is no number": (head(content_type="application/json", content_length="two"), 400, "invalid_http"),
    "a header without a colon": (b"GET /v1/models HTTP/1.1\r\nhost: x\r\nbroken\r\n\r\n", 400, "invalid_http"),
}


@pytest.mark.parametrize("case", BAD)
def test_it_is_refused_in_the_envelope(lab_server, case):
    data, status, code = BAD[case]
    answer = say(lab_server.port, data)
    error = error_in(answer.body)
    assert (answer.status, error["code"]) == (status, code or error["code"])
    assert error["type"] == "invalid_request_error"
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize("case", BAD)
def test_the_server_goes_on(lab_server, case):
    say(lab_server.port, BAD[case][0])
    assert say(lab_server.port, posting(GOOD)).status == 200


@pytest.mark.parametrize("length", [20 * 1024 * 1024 + 1, 10**18])
def test_the_default_limit_is_20_mib(origin, length):
    port = int(origin.rpartition(":")[2])
    answer = say(port, head(content_type="application/json", content_length=length))
    assert (answer.status, error_in(answer.body)["code"]) == (413, "payload_too_large")


def test_a_body_of_the_limit_is_read(lab_server):
    padded = GOOD[:-1] + b" " * (LIMIT - len(GOOD)) + b"}"
    assert len(padded) == LIMIT
    assert say(lab_server.port, posting(padded)).status == 200


def test_chunks_are_put_together(lab_server):
    body = chunk(GOOD[:10]) + chunk(GOOD[10:11]) + chunk(GOOD[11:]) + chunk(b"")
    assert say(lab_server.port, CHUNKED + body).status == 200


def test_a_method_that_is_not_allowed_is_told_with_those_that_are(lab_server):
    answer = say(lab_server.port, head(CHAT, "GET"))
    assert answer.headers["allow"] == "POST"


def test_two_requests_at_once_get_two_answers_in_order(lab_server):
    with connect(lab_server.port) as caller:
        caller.sendall(head("/v1/health", "GET") + head("/v1/nothing", "GET"))
        data = b""
        while data.count(b"HTTP/1.1 ") < 2 or not data.endswith(b"}}"):
            data += caller.recv(65536)
    assert data.index(b"HTTP/1.1 200") < data.index(b"HTTP/1.1 404")


def test_a_connection_serves_again_after_a_refused_body(lab_server):
    with connect(lab_server.port) as caller:
        caller.sendall(posting(b"{"))
        assert hear(caller).status == 400
        caller.sendall(posting(GOOD))
        assert hear(caller).status == 200
