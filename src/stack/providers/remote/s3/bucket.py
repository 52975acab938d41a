"""The calls of S3 that are needed, on one bucket. Source: https://docs.aws.amazon.com/AmazonS3/latest/API/"""

from __future__ import annotations

import asyncio
import html
import random
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote, unquote, urlencode, urlsplit

from stack.errors import NotFound, StorageFull, UpstreamDetail, UpstreamError, UpstreamRejected
from stack.providers.remote.aws import Signer
from stack.providers.remote.upstream import Upstream, UpstreamRequest, UpstreamResponse

ATTEMPTS = 3
PAUSE_S = 0.1  # before the second attempt; twice that before the third
ERROR_BYTES = 1 << 16
NO_UPLOAD = "NoSuchUpload"
_AGAIN = (500, 502, 503, 504)
_FULL = ("QuotaExceeded", "XMinioStorageFull", "InsufficientStorage")
# Lists are asked for with keys that are URL-encoded, so that nothing in them nests or is escaped.
_ENTRY = re.compile(r"<(Contents|Upload)>(.*?)</\1>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Entry:
    """A key of a list. at: Unix seconds; size: bytes; upload_id: of an upload that was begun."""

    key: str
    at: float
    size: int = 0
    upload_id: str = ""


class Bucket:
    """url: where the bucket is, without a slash at the end. region: of a bucket to be made; None: none is made.

    Everything is done again where the service fails: each call may be. Raises: UpstreamError, ProviderUnavailable.
    """

    def __init__(self, upstream: Upstream, signer: Signer, url: str, make_in: str | None) -> None:
        self._upstream = upstream
        self._signer = signer
        self._url = url
        self._make_in = make_in

    async def put(self, key: str, body: bytes, query: str = "") -> str:
        """Store an object or a part of one; its ETag."""
        response = await self._done("PUT", key, query, body)
        return response.headers.get("etag", "")

    async def get(self, key: str, byte_range: str | None) -> UpstreamResponse:
        """An object, open, of status 200, 206, or 416 for a range that holds nothing. Raises: NotFound."""
        return await self._ask("GET", key, headers={"range": byte_range} if byte_range else {}, accepted=(416,))

    async def delete(self, key: str) -> None:
        """Remove an object; one that is not there is no error."""
        await self._done("DELETE", key)

    async def begin(self, key: str) -> str:
        """Begin an upload in parts; its id."""
        text = await self._text("POST", key, "uploads=")
        return _value(text, "UploadId")

    async def complete(self, key: str, upload_id: str, etags: list[str]) -> None:
        """Make the parts an object; the answer may be an error although its status is 200."""
        parts = "".join(
            f"<Part><PartNumber>{number}</PartNumber><ETag>{html.escape(etag)}</ETag></Part>"
            for number, etag in enumerate(etags, 1)
        )
        body = f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode()
        try:
            text = await self._text("POST", key, urlencode({"uploadId": upload_id}), body)
        except UpstreamError as error:
            # Done already, if the answer to the first attempt was lost.
            if error.upstream.code != NO_UPLOAD or key not in [each.key async for each in self.objects(key)]:
                raise
            return
        if "<CompleteMultipartUploadResult" not in text:
            raise self._refusal(200, text)

    async def abort(self, key: str, upload_id: str) -> None:
        """Drop an upload with its parts; one that is not there is no error."""
        try:
            await self._done("DELETE", key, urlencode({"uploadId": upload_id}))
        except UpstreamError as error:
            if error.upstream.code != NO_UPLOAD:
                raise

    async def objects(self, prefix: str) -> AsyncIterator[Entry]:
        """Every object whose key begins so."""
        query = {"list-type": "2", "prefix": prefix}
        async for text in self._pages(query, {"continuation-token": "NextContinuationToken"}):
            for entry in _entries(text, "LastModified"):
                yield entry

    async def uploads(self, prefix: str) -> AsyncIterator[Entry]:
        """Every upload that was begun and neither completed nor dropped."""
        markers = {"key-marker": "NextKeyMarker", "upload-id-marker": "NextUploadIdMarker"}
        async for text in self._pages({"uploads": "", "prefix": prefix}, markers):
            for entry in _entries(text, "Initiated"):
                yield entry

    async def _pages(self, query: dict[str, str], markers: dict[str, str]) -> AsyncIterator[str]:
        query = {**query, "encoding-type": "url"}
        while True:
            text = await self._text("GET", "", urlencode(query))
            yield text
            if _value(text, "IsTruncated") != "true":
                return
            query |= {name: unquote(_value(text, tag)) for name, tag in markers.items()}

    async def _text(self, method: str, key: str, query: str, body: bytes = b"") -> str:
        response = await self._ask(method, key, query, body)
        return (await response.read()).decode("utf-8", "replace")

    async def _done(self, method: str, key: str, query: str = "", body: bytes = b"") -> UpstreamResponse:
        response = await self._ask(method, key, query, body)
        await response.read(ERROR_BYTES)
        return response

    async def _ask(
        self,
        method: str,
        key: str,
        query: str = "",
        body: bytes = b"",
        *,
        headers: dict[str, str] | None = None,
        accepted: tuple[int, ...] = (),
    ) -> UpstreamResponse:
        """An answer that is no error, open. Raises: NotFound, StorageFull, UpstreamError."""
        url = f"{self._url}/{quote(key)}" + (f"?{query}" if query else "")
        made = False
        for left in reversed(range(ATTEMPTS)):
            request = UpstreamRequest(method, url, dict(headers or {}), body)
            try:
                response = await self._send(request)
                if response.status < 400 or response.status in accepted:
                    return response
                text = (await response.read(ERROR_BYTES)).decode("utf-8", "replace")
                if "NoSuchBucket" in text and self._make_in is not None and not made:
                    await self._make_bucket(self._make_in)
                    made = True
                    continue
                raise self._refusal(response.status, text)
            except UpstreamError as error:
                if not (left and error.retryable):
                    raise
            await asyncio.sleep(PAUSE_S * 2 ** (ATTEMPTS - 1 - left) * random.uniform(0.5, 1.5))  # noqa: S311
        raise AssertionError("the last attempt returns or raises")

    async def _send(self, request: UpstreamRequest) -> UpstreamResponse:
        key_id = await asyncio.to_thread(self._signer.sign, request)  # hashes the body
        if not request.body and request.method in ("PUT", "POST"):
            request.headers["content-length"] = "0"
        return await self._upstream.send(request, key_id)

    async def _make_bucket(self, region: str) -> None:
        body = b""
        if region != "us-east-1":  # which it takes for the absence of one
            place = f"<LocationConstraint>{html.escape(region)}</LocationConstraint>"
            body = f"<CreateBucketConfiguration>{place}</CreateBucketConfiguration>".encode()
        response = await self._send(UpstreamRequest("PUT", f"{self._url}/", {}, body))
        text = (await response.read(ERROR_BYTES)).decode("utf-8", "replace")
        if response.status >= 400 and "BucketAlreadyOwnedByYou" not in text:
            raise self._refusal(response.status, text)

    def _refusal(self, status: int, text: str) -> NotFound | StorageFull | UpstreamRejected:
        code, said = _value(text, "Code"), _value(text, "Message")[:500]
        if code == "NoSuchKey":
            return NotFound("there is no such object", code="not_found")
        provider_id, where = self._upstream.provider_id, urlsplit(self._url).netloc
        if code in _FULL or status == 507:
            return StorageFull(f"the bucket of provider `{provider_id}` is full: nothing of this was stored")
        if code == "NoSuchBucket":
            what, known = "has no such bucket (`NoSuchBucket`): make it, or set `auto_create_bucket`", "upstream_error"
        elif status in (401, 403):
            what, known = "refuses the credentials or what they may do", "upstream_auth_failed"
        else:
            told = f": {said}" if said and status < 500 else ""
            what, known = f"answered `{code or status}`{told}", "upstream_error"
        error = UpstreamRejected(
            f"provider `{provider_id}` at `{where}` {what}",
            provider_id=provider_id,
            phase="status",
            code=known,
            status=503 if status == 503 else 502,
            upstream=UpstreamDetail(status, code or None, None, said or None, _value(text, "RequestId") or None),
        )
        error.retryable = status in _AGAIN or code in ("InternalError", "SlowDown", "RequestTimeout")
        return error


def _value(text: str, tag: str) -> str:
    found = re.search(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
    return html.unescape(found[1]) if found else ""


def _entries(text: str, time_tag: str) -> list[Entry]:
    found = [entry for _, entry in _ENTRY.findall(text)]
    return [
        Entry(
            unquote(_value(entry, "Key")),
            datetime.fromisoformat(_value(entry, time_tag)).timestamp(),
            int(_value(entry, "Size") or 0),
            _value(entry, "UploadId"),
        )
        for entry in found
    ]
