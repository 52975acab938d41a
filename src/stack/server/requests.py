"""What enters: headers, the caller's key, provider data, and the body, each with its limit."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import itertools
import os
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

import pydantic_core

from stack.apis.context import RequestContext, request_context
from stack.config.models import ServerConfig
from stack.errors import InvalidRequest, PayloadTooLarge, RequestTimeout, Unauthorized, UnsupportedMediaType

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

REQUEST_ID = "stack.request_id"  # where the scope carries it
# In the scope of a request: True once its task is cancelled because nobody waits for it. False beforehand where nobody
# else but the stopping server cancels.
CALLER_LEFT = "stack.caller_left"

# Ours first, then the names that the clients of Llama Stack and OGX send.
PROVIDER_DATA = (b"x-stack-provider-data", b"x-llamastack-provider-data", b"x-ogx-provider-data")
_PROCESS = os.urandom(8).hex()
_NUMBERS = itertools.count(1)
_REQUEST_ID = re.compile(rb"[\w-]{1,64}", re.ASCII)


class ClientGone(Exception):
    """The caller left before the request was whole: there is nobody to answer."""


class Gate:
    """The limits and keys of one server, ready to be checked per request."""

    def __init__(self, config: ServerConfig) -> None:
        self.config = config
        keys = config.auth.api_keys if config.auth else []
        self._digests = [hashlib.sha256(key.get_secret_value().encode()).digest() for key in keys]

    def context(self, headers: Mapping[bytes, bytes], request_id: str) -> RequestContext:
        """The request's surroundings. Raises: InvalidRequest."""
        timeout = self.config.timeout_s
        if (asked := headers.get(b"x-stack-timeout-ms")) is not None:
            if not asked.isdigit() or len(asked) > 9 or int(asked) == 0:
                raise InvalidRequest("the header `x-stack-timeout-ms` must be a number of milliseconds above 0")
            timeout = min(timeout, int(asked) / 1000)
        deadline = asyncio.get_running_loop().time() + timeout
        return RequestContext(request_id, deadline, _provider_data(headers))

    def authenticate(self, headers: Mapping[bytes, bytes]) -> None:
        """Let callers with a configured key pass; where none is configured, all. Raises: Unauthorized."""
        if not self._digests:
            return
        scheme, _, sent = headers.get(b"authorization", b"").partition(b" ")
        if scheme.lower() != b"bearer" or not sent:
            raise Unauthorized("no API key: send `Authorization: Bearer KEY`", code="missing_api_key")
        digest = hashlib.sha256(sent.strip()).digest()
        # Every key is compared, whichever matches, so that time tells nothing.
        matches = [hmac.compare_digest(digest, known) for known in self._digests]
        if not any(matches):
            raise Unauthorized("the API key is not valid for this server")

    async def json_body(self, headers: Mapping[bytes, bytes], receive: Receive) -> bytes:
        """The whole body of a JSON request. Raises: RequestError, ClientGone."""
        kind = headers.get(b"content-type")
        if kind is not None:
            media = kind.partition(b";")[0].strip().lower()
            if media != b"application/json" and not media.endswith(b"+json"):
                raise UnsupportedMediaType("the body must be JSON: send `content-type: application/json`")
        if headers.get(b"content-encoding", b"identity") != b"identity":
            raise UnsupportedMediaType("the body must not be compressed: send it without `content-encoding`")
        limit = self.config.max_body_bytes
        length = headers.get(b"content-length", b"0")
        if length.isdigit() and int(length) > limit:
            raise _too_large(limit)
        return await _read(receive, limit)


async def _read(receive: Receive, limit: int) -> bytes:
    message = await _next(receive)
    if not message.get("more_body"):
        body: bytes = message.get("body", b"")
        if len(body) > limit:
            raise _too_large(limit)
        return body
    parts = [message.get("body", b"")]
    size = len(parts[0])
    try:
        async with asyncio.timeout_at(request_context.get().deadline):
            while size <= limit and message.get("more_body"):
                message = await _next(receive)
                parts.append(message.get("body", b""))
                size += len(parts[-1])
    except TimeoutError as error:
        raise RequestTimeout("the body was not whole when the time for the request was over") from error
    if size > limit:
        raise _too_large(limit)
    return b"".join(parts)


async def _next(receive: Receive) -> Message:
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientGone
    return message


def request_id(headers: Mapping[bytes, bytes]) -> str:
    """The caller's own `x-request-id` if it is plain, else a new one."""
    sent = headers.get(b"x-request-id")
    if sent is not None and _REQUEST_ID.fullmatch(sent):
        return sent.decode()
    return f"req_{_PROCESS}{next(_NUMBERS):08x}"


def _too_large(limit: int) -> PayloadTooLarge:
    return PayloadTooLarge(f"the body is larger than {limit} bytes, this server's `server.max_body_bytes`")


def _provider_data(headers: Mapping[bytes, bytes]) -> Mapping[str, Any]:
    for name in PROVIDER_DATA:
        if (sent := headers.get(name)) is None:
            continue
        try:
            data = pydantic_core.from_json(sent)
        except ValueError:
            data = None
        if not isinstance(data, dict):
            raise InvalidRequest(f"the header `{name.decode()}` must be a JSON object")
        return data
    return {}
