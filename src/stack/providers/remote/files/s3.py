"""Bytes of files in a bucket of S3 or of what speaks like it.

Docs: https://docs.aws.amazon.com/AmazonS3/latest/API/
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
import weakref
from collections.abc import AsyncIterator, Coroutine
from contextlib import suppress
from typing import Any, ClassVar

from pydantic import Field

from stack.apis.files import FileStore, StoredFile
from stack.errors import InvalidRequest, NotFound, StackError, UpstreamError
from stack.providers.remote.aws import AwsConfig, Signer
from stack.providers.remote.s3.bucket import Bucket
from stack.providers.remote.upstream import Limits, Upstream, UpstreamResponse
from stack.registry.spec import Deps, Provider, env

_ID = re.compile(r"file-[0-9a-f]{32}")
MIB = 1 << 20


class Config(AwsConfig):
    switch: ClassVar[str] = "bucket"

    bucket: str = env("S3_BUCKET_NAME", ..., "Name of the bucket.", pattern=r"^[A-Za-z0-9._-]{1,255}$")
    region: str = env("AWS_REGION", "us-east-1", "Region of the bucket.", pattern=r"^[A-Za-z0-9-]{1,64}$")
    endpoint_url: str | None = env(
        "S3_ENDPOINT_URL", None, "Root of a service that speaks like S3; default: that of AWS in the region."
    )
    prefix: str = env("S3_PREFIX", "", "Begins every key, such as `stack/`: one for each deployment in a bucket.")
    auto_create_bucket: bool = env("S3_AUTO_CREATE_BUCKET", False, "Make the bucket if it is not there.")
    path_style: bool | None = Field(
        None, description="Bucket in the path, not in the host name; default: yes with an `endpoint_url`."
    )
    part_bytes: int = Field(
        8 * MIB, ge=5 * MIB, le=512 * MIB, description="Size of a part of a large file; a few are held in memory."
    )
    abandoned_after_s: float = Field(
        86_400.0, ge=0, description="Age at which parts of an upload that never ended are dropped, in seconds."
    )
    connect_timeout_s: float = Field(5.0, gt=0, description="Longest wait for a connection, in seconds.")
    first_byte_timeout_s: float = Field(60.0, gt=0, description="Longest time to send a part and be answered.")
    idle_timeout_s: float = Field(60.0, gt=0, description="Longest pause within an answer, in seconds.")


class S3(Provider, FileStore):
    config: Config

    def __init__(self, config: Config, deps: Deps) -> None:
        super().__init__(config, deps)
        limits = Limits(config.connect_timeout_s, config.first_byte_timeout_s, config.idle_timeout_s)
        self._upstream = Upstream(deps.provider_id, limits)
        signer = Signer(deps.provider_id, "s3", config.region, config.keys)
        make_in = config.region if config.auto_create_bucket else None
        self._bucket = Bucket(self._upstream, signer, _bucket_url(config), make_in)

    async def initialize(self) -> None:
        """Look at the bucket, and make it if told to. Raises: UpstreamError, unless it may get better by itself."""
        try:
            async for _ in self._bucket.objects(self._key("file-none")):
                break
        except UpstreamError as error:
            if not error.retryable:
                raise
            self.deps.log.warning("bucket not reached yet", error=error.message)

    async def shutdown(self) -> None:
        self._upstream.close()

    async def write(self, file_id: str, content: AsyncIterator[bytes]) -> StoredFile:
        if not _ID.fullmatch(file_id):
            raise InvalidRequest("`file_id` must be `file-` and 32 hexadecimal digits", param="file_id")
        upload = _Upload(self._bucket, self._key(file_id))
        try:
            held = bytearray()
            async for block in content:
                held += block
                while len(held) >= self.config.part_bytes:
                    part = bytes(memoryview(held)[: self.config.part_bytes])
                    del held[: self.config.part_bytes]
                    await upload.add(part)
            await upload.finish(bytes(held))
        except BaseException:
            await _to_its_end(upload.discard())
            raise
        return StoredFile(file_id, upload.size, time.time(), upload.hash.hexdigest())

    async def read(self, file_id: str, start: int, end: int | None) -> AsyncIterator[bytes]:
        if not _ID.fullmatch(file_id):
            raise _unknown(file_id)
        start = max(start, 0)
        is_empty = end is not None and end <= start
        # Of an empty part the first byte is asked for: whether there is a file is told all the same.
        asked = "bytes=0-0" if is_empty else f"bytes={start}-{'' if end is None else end - 1}"
        try:
            response = await self._bucket.get(
                self._key(file_id), asked if is_empty or start or end is not None else None
            )
        except NotFound as error:
            raise _unknown(file_id) from error
        if is_empty or response.status == 416:
            response.close()
            return _Body(None)
        # A service may answer with everything to who asks for a part.
        return _Body(response, *((start, end) if response.status == 200 else (0, None)))

    async def delete(self, file_id: str) -> None:
        if _ID.fullmatch(file_id):
            await self._bucket.delete(self._key(file_id))

    async def list_files(self) -> list[StoredFile]:
        prefix = self._key("file-")
        async for upload in self._bucket.uploads(prefix):
            if upload.at < time.time() - self.config.abandoned_after_s:
                await self._bucket.abort(upload.key, upload.upload_id)
        found = [entry async for entry in self._bucket.objects(prefix)]
        start = len(self.config.prefix)
        return [
            StoredFile(entry.key[start:], entry.size, entry.at) for entry in found if _ID.fullmatch(entry.key[start:])
        ]

    def _key(self, file_id: str) -> str:
        return self.config.prefix + file_id


class _Upload:
    """A file on its way: one object if it is small, else parts, of which nothing is seen before the end."""

    def __init__(self, bucket: Bucket, key: str) -> None:
        self._bucket = bucket
        self._key = key
        self._upload_id = ""
        self._etags: list[str] = []
        self._was_sent = False
        self.size = 0
        self.hash = hashlib.sha256()

    async def add(self, part: bytes) -> None:
        """Send a part."""
        if not self._upload_id:
            self._upload_id = await self._bucket.begin(self._key)
        await self._count(part)
        query = f"partNumber={len(self._etags) + 1}&uploadId={self._upload_id}"
        self._etags.append(await self._bucket.put(self._key, part, query))

    async def finish(self, rest: bytes) -> None:
        """Send what is left, and make it a file."""
        if self._upload_id:
            if rest:
                await self.add(rest)
            self._was_sent = True
            await self._bucket.complete(self._key, self._upload_id, self._etags)
            return
        await self._count(rest)
        self._was_sent = True
        await self._bucket.put(self._key, rest)

    async def discard(self) -> None:
        """Leave nothing behind, as far as the service can be reached; parts that stay are dropped later."""
        with suppress(StackError):
            if self._upload_id:
                await self._bucket.abort(self._key, self._upload_id)
        with suppress(StackError):
            if self._was_sent:  # whether it arrived is not known
                await self._bucket.delete(self._key)

    async def _count(self, part: bytes) -> None:
        await asyncio.to_thread(self.hash.update, part)
        self.size += len(part)


class _Body(AsyncIterator[bytes]):
    """The bytes of an answer from `start` up to `end`; its connection is closed with it, whoever forgets it."""

    def __init__(self, response: UpstreamResponse | None, start: int = 0, end: int | None = None) -> None:
        self._blocks = None if response is None else response.blocks()
        self._close = None if response is None else weakref.finalize(self, response.close)
        self._position, self._start, self._end = 0, start, end

    async def __anext__(self) -> bytes:
        while self._blocks is not None:
            block = await anext(self._blocks)
            first, self._position = self._position, self._position + len(block)
            last = self._position if self._end is None else self._end
            if first >= last:
                await self.aclose()
                break
            if wanted := block[max(self._start - first, 0) : last - first]:
                return wanted
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Read no more."""
        if self._blocks is not None and self._close is not None:
            await self._blocks.aclose()
            self._close()


async def _to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Wait for work that a cancelled caller must not leave undone."""
    running = asyncio.ensure_future(work)
    while not running.done():
        with suppress(asyncio.CancelledError):
            await asyncio.wait([running])


def _bucket_url(config: Config) -> str:
    root = (config.endpoint_url or f"https://s3.{config.region}.amazonaws.com").rstrip("/")
    in_path = config.endpoint_url is not None if config.path_style is None else config.path_style
    if in_path or "." in config.bucket:  # whose host name no certificate would fit
        return f"{root}/{config.bucket}"
    scheme, _, host = root.partition("://")
    return f"{scheme}://{config.bucket}.{host}"


def _unknown(file_id: str) -> NotFound:
    return NotFound(f"no file has the id `{file_id[:64]}`", param="file_id")
