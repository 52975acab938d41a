"""S3 against the contract of files, on moto's server, and against what goes wrong on the way."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from stack.apis.files import FileStore
from stack.errors import NotFound, ProviderUnavailable, StorageFull, Unreachable, UpstreamError, UpstreamRejected
from stack.providers.remote.files.s3 import S3, Config
from stack.testing.deps import provider_deps
from stack.testing.files import FileStoreContract, new_id, parts, whole
from stack.testing.http import HOST, Connection, HttpServer, Request
from stack.testing.server_process import free_port

MIB = 1 << 20


class TestContract(FileStoreContract):
    big_bytes = 96 * MIB

    @pytest.fixture
    async def store(self, make_store: Any) -> FileStore:
        return await make_store(prefix="a prefix/ünï+&=/")

    @pytest.fixture
    async def other(self, make_store: Any, store: FileStore) -> FileStore:
        return await make_store(prefix="a prefix/ünï+&=/")

    @pytest.fixture(autouse=True)
    async def _no_upload_is_left(self, store: S3) -> AsyncIterator[None]:
        yield
        assert [upload async for upload in store._bucket.uploads("")] == []


async def test_pages_of_lists_are_all_read(make_store: Any):
    store, names = await make_store(), sorted(new_id() for _ in range(7))
    await asyncio.gather(*(store.write(name, parts(b"x")) for name in names))
    pages = store._bucket._pages({"list-type": "2", "max-keys": "2"}, {"continuation-token": "NextContinuationToken"})
    texts = [text async for text in pages]
    assert len(texts) == 4
    assert [name for text in texts for name in names if name in text] == names
    assert sorted(each.file_id for each in await store.list_files()) == names


async def test_files_of_another_prefix_and_other_objects_are_not_listed(make_store: Any):
    store, other = await make_store(prefix="one/"), await make_store(prefix="two/")
    name = new_id()
    await other.write(name, parts(b"x"))
    for key in ("one/file-short", "one/file-" + "A" * 32, "one/else", f"one/sub/{name}"):
        await store._bucket.put(key, b"x")
    assert await store.list_files() == []
    with pytest.raises(NotFound):
        await store.read(name, 0, None)


async def test_parts_that_a_killed_process_left_are_dropped_by_the_sweeper(make_store: Any):
    store = await make_store()
    await store._bucket.begin(new_id())
    assert len([upload async for upload in store._bucket.uploads("")]) == 1
    await store.list_files()  # moto says of every upload that it was begun in 2010
    assert [upload async for upload in store._bucket.uploads("")] == []


async def test_parts_of_an_upload_that_may_go_on_are_left():
    times = {"old": "2020-01-01T00:00:00.000Z", "young": datetime.now(UTC).isoformat()}
    entry = "<Upload><Key>file-1</Key><UploadId>{}</UploadId><Initiated>{}</Initiated></Upload>"
    service = Service((200, "".join(entry.format(*each) for each in times.items())), (204, ""), (200, "<none/>"))
    async with HttpServer(service) as server:
        store = talking_to(server)
        await store.list_files()
        await store.shutdown()
    assert [request.query.get("uploadId") for request in service.requests] == [None, "old", None]


async def test_without_a_bucket_the_start_fails_unless_one_may_be_made(make_store: Any):
    with pytest.raises(UpstreamRejected, match=r"NoSuchBucket.*auto_create_bucket") as raised:
        await make_store(auto_create_bucket=False)
    assert (raised.value.status, raised.value.retryable) == (502, False)
    stores = await asyncio.gather(*(make_store(region="eu-west-1") for _ in range(4)))
    assert [await store.list_files() for store in stores] == [[]] * 4


async def test_a_bucket_that_went_while_the_stack_ran_is_an_error_not_an_empty_list(make_store: Any):
    maker, user, name = await make_store(), await make_store(auto_create_bucket=False), new_id()
    await make_bucket_vanish(maker)
    for call in (user.list_files(), user.read(name, 0, None), user.write(name, parts(b"x"))):
        with pytest.raises(UpstreamRejected, match="NoSuchBucket"):
            await call
    await maker.write(name, parts(b"made anew"))
    assert await whole(user, name) == b"made anew"


async def make_bucket_vanish(store: S3) -> None:
    response = await store._bucket._ask("DELETE", "")
    await response.read()


@pytest.mark.parametrize(
    ("config", "url"),
    [
        ({}, "https://bucket.s3.us-east-1.amazonaws.com"),
        ({"region": "eu-central-1"}, "https://bucket.s3.eu-central-1.amazonaws.com"),
        ({"path_style": True}, "https://s3.us-east-1.amazonaws.com/bucket"),
        ({"bucket": "a.b"}, "https://s3.us-east-1.amazonaws.com/a.b"),
        ({"endpoint_url": "http://127.0.0.1:9000/"}, "http://127.0.0.1:9000/bucket"),
        ({"endpoint_url": "https://r2.example.com", "path_style": False}, "https://bucket.r2.example.com"),
    ],
)
def test_where_a_bucket_is(config: dict[str, Any], url: str):
    store = S3(Config.model_validate({"bucket": "bucket"} | config), provider_deps("s3"))
    assert store._bucket._url == url


@pytest.mark.parametrize("keys", [{"access_key_id": "A"}, {"secret_access_key": "a secret"}])
def test_half_a_key_is_refused_without_showing_it(keys: dict[str, str]):
    with pytest.raises(ValidationError, match="go together") as raised:
        Config.model_validate({"bucket": "bucket"} | keys)
    assert "a secret" not in str(raised.value)


async def test_the_chain_of_aws_is_asked_where_there_is_no_key(make_store: Any, monkeypatch: Any, tmp_path: Any):
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    none = {"access_key_id": None, "secret_access_key": None}
    with pytest.raises(ProviderUnavailable, match="no AWS credentials"):
        await make_store(**none)
    (tmp_path / "credentials").write_text("[default]\naws_access_key_id = FROMFILE\naws_secret_access_key = secret\n")
    assert await (await make_store(**none)).list_files() == []


Answer = tuple[int, str] | None


class Service:
    """Answers as told, one after the other, the last one again and again; None breaks the connection."""

    def __init__(self, *answers: Answer) -> None:
        self._answers = list(answers)
        self.requests: list[Request] = []

    async def __call__(self, connection: Connection, request: Request) -> None:
        self.requests.append(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if answer is None:
            await connection.reset()
            return
        status, body = answer
        await connection.send(f"HTTP/1.1 {status} X\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode())


def error(code: str, said: str = "said") -> str:
    return f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{said}</Message></Error>"


def talking_to(server: HttpServer, **config: Any) -> S3:
    keys = {"access_key_id": "AKIDEXAMPLE", "secret_access_key": "canary"}
    where = {"bucket": "bucket", "endpoint_url": server.origin}
    return S3(Config.model_validate(where | keys | config), provider_deps("s3"))


@pytest.mark.parametrize("failing", [(503, error("SlowDown")), (500, error("InternalError")), None])
async def test_what_fails_once_is_done_again(failing: Answer):
    service = Service(failing, failing, (200, ""))
    async with HttpServer(service) as server:
        store = talking_to(server)
        assert (await store.write(new_id(), parts(b"text"))).bytes == 4
        await store.shutdown()
    assert [request.body for request in service.requests] == [b"text"] * 3


@pytest.mark.parametrize(
    ("answer", "kind", "status", "code", "calls"),
    [
        ((503, error("SlowDown")), UpstreamRejected, 503, "upstream_error", 3),
        ((403, error("InvalidAccessKeyId")), UpstreamRejected, 502, "upstream_auth_failed", 1),
        ((400, error("AuthorizationHeaderMalformed", "expecting 'eu-west-1'")), UpstreamRejected, 502, None, 1),
        ((507, error("XMinioStorageFull")), StorageFull, 507, "storage_full", 1),
        ((301, ""), UpstreamError, 502, "upstream_redirect", 1),
        ((404, error("NoSuchBucket")), UpstreamRejected, 502, None, 1),
        (None, Unreachable, 502, "upstream_reset", 3),
    ],
)
async def test_failures_are_told_apart(answer: Answer, kind: type, status: int, code: str | None, calls: int):
    service = Service(answer)
    async with HttpServer(service) as server:
        store = talking_to(server)
        with pytest.raises(kind) as raised:
            await store.read(new_id(), 0, None)
        await store.shutdown()
    assert (raised.value.status, len(service.requests)) == (status, calls)
    assert code is None or raised.value.code == code
    assert "canary" not in str(raised.value.envelope())


async def test_a_service_that_is_down_is_an_error_and_missed_only_then():
    port = free_port()
    store = S3(
        Config(bucket="bucket", endpoint_url=f"http://{HOST}:{port}", access_key_id="A", secret_access_key="b"),
        provider_deps("s3"),
    )
    await store.initialize()
    for call in (store.list_files(), store.read(new_id(), 0, None), store.delete(new_id())):
        with pytest.raises(Unreachable):
            await call
    async with HttpServer(Service((200, "<ListBucketResult></ListBucketResult>")), port=port):
        assert await store.list_files() == []
        await store.shutdown()


async def test_an_error_under_status_200_is_an_error_and_everything_is_dropped():
    begun = "<InitiateMultipartUploadResult><UploadId>up</UploadId></InitiateMultipartUploadResult>"
    service = Service((200, begun), (200, ""), (200, error("InternalError")), (204, ""))
    async with HttpServer(service) as server:
        store = talking_to(server, part_bytes=5 * MIB)
        with pytest.raises(UpstreamRejected, match="InternalError"):
            await store.write(new_id(), parts(b"x" * 5 * MIB))
        await store.shutdown()
    assert [(request.method, request.query) for request in service.requests[2:]] == [
        ("POST", {"uploadId": "up"}),
        ("DELETE", {"uploadId": "up"}),
        ("DELETE", {}),
    ]


async def test_a_completion_whose_answer_was_lost_is_found_out():
    name = new_id()
    begun = "<InitiateMultipartUploadResult><UploadId>up</UploadId></InitiateMultipartUploadResult>"
    entry = f"<Contents><Key>{name}</Key><Size>1</Size><LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>"
    service = Service((200, begun), (200, ""), None, (404, error("NoSuchUpload")), (200, entry))
    async with HttpServer(service) as server:
        store = talking_to(server, part_bytes=5 * MIB)
        assert (await store.write(name, parts(b"x" * 5 * MIB))).bytes == 5 * MIB
        await store.shutdown()


async def test_a_body_that_breaks_off_is_an_error_not_a_short_file():
    async def breaking(connection: Connection, request: Request) -> None:
        await connection.send(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")
        connection.close()

    async with HttpServer(breaking) as server:
        store = talking_to(server)
        with pytest.raises(Unreachable):
            await whole(store, new_id())
        await store.shutdown()


async def test_a_service_that_sends_everything_for_a_part_is_understood():
    async with HttpServer(Service((200, "0123456789"))) as server:
        store = talking_to(server)
        assert await whole(store, new_id(), 3, 7) == b"3456"
        assert await whole(store, new_id(), 8, None) == b"89"
        await store.shutdown()


async def test_a_request_is_signed_whole_and_the_session_goes_along():
    service = Service((200, ""))
    async with HttpServer(service) as server:
        store = talking_to(server, session_token="a session", region="eu-west-1")
        await store.write(new_id(), parts(b"text"))
        await store.shutdown()
    headers = service.requests[0].headers
    assert headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
    assert "/eu-west-1/s3/aws4_request" in headers["authorization"]
    assert headers["x-amz-content-sha256"] == hashlib.sha256(b"text").hexdigest()
    assert headers["x-amz-security-token"] == "a session"
