"""OpenAI's files, by its own client and by raw requests, over HTTP and in process."""

from __future__ import annotations

import io
import os
from contextlib import contextmanager

import httpx2
import openai
import pytest

GOOD = {"file": ("a.txt", b"hello"), "purpose": (None, "user_data")}


@contextmanager
def refused(param, status=400):
    with pytest.raises(openai.APIStatusError) as caught:
        yield
    assert (caught.value.status_code, caught.value.param) == (status, param)


def test_what_is_uploaded_comes_back(client):
    content = os.urandom(2_500_000)
    file = client.files.create(file=("data.bin", content), purpose="user_data")
    assert (file.bytes, file.filename, file.purpose, file.status) == (len(content), "data.bin", "user_data", "uploaded")
    assert client.files.content(file.id).read() == content
    assert client.files.retrieve(file.id) == file


def test_a_deleted_file_is_gone(client):
    file = client.files.create(file=("a.txt", b"hello"), purpose="assistants")
    assert client.files.delete(file.id).deleted
    for ask in (client.files.retrieve, client.files.content, client.files.delete):
        with pytest.raises(openai.NotFoundError, match=file.id):
            ask(file.id)


def test_pages_stay_right_while_files_come_and_go(client):
    ids = [client.files.create(file=(f"{n}.txt", b"x"), purpose="vision").id for n in range(5)]
    page = client.files.list(purpose="vision", limit=2)
    assert [file.id for file in page.data] == [ids[4], ids[3]]
    client.files.create(file=("new.txt", b"x"), purpose="vision")
    client.files.delete(ids[3])
    assert [file.id for file in page.get_next_page().data] == [ids[2], ids[1]]
    oldest_first = [file.id for file in client.files.list(purpose="vision", order="asc")]
    assert oldest_first[:4] == [ids[0], ids[1], ids[2], ids[4]]


def test_expiry_is_as_asked_and_thirty_days_for_batches(client):
    asked = {"anchor": "created_at", "seconds": 3600}
    file = client.files.create(file=("a.txt", b"x"), purpose="evals", expires_after=asked)
    assert file.expires_at == file.created_at + 3600
    batch = client.files.create(file=("b.jsonl", b"{}"), purpose="batch")
    assert batch.expires_at == batch.created_at + 30 * 24 * 3600


@pytest.mark.parametrize(
    ("name", "param"),
    [
        ("../../etc/passwd", "file"),
        ("a\\b", "file"),
        ("\u202egpj.exe", "file"),
        ("a\nb", "file"),
        ("x" * 300, "file"),
        ("..", "file"),
    ],
)
def test_a_name_that_is_a_trick_is_refused(wire, name, param):
    answer = wire.post("/v1/files", files={**GOOD, "file": (name, b"x")})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


@pytest.mark.parametrize("name", [b"\xff.txt", b"\xed\xa0\x80.txt"])
def test_a_name_that_is_not_utf8_is_refused(wire, name):
    head = b'--B\r\ncontent-disposition: form-data; name="file"; filename="' + name + b'"\r\n\r\nx\r\n'
    purpose = b'--B\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nuser_data\r\n--B--\r\n'
    kind = {"content-type": "multipart/form-data; boundary=B"}
    answer = wire.post("/v1/files", content=head + purpose, headers=kind)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "file")


@pytest.mark.parametrize("name", ["CON", "naïve résumé.pdf", "数据.txt", 'a"b.txt', "a;b.txt", "%2e%2e"])
def test_an_odd_name_is_only_a_name(client, wire, name):
    file = client.files.create(file=(name, b"x"), purpose="user_data")
    assert file.filename == name
    headers = wire.get(f"/v1/files/{file.id}/content").headers
    assert headers["content-disposition"].startswith("attachment; filename*=UTF-8''")
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("form", "status", "param"),
    [
        ({**GOOD, "purpose": (None, "anything")}, 400, "purpose"),
        ({"file": ("a.txt", b"x")}, 400, "purpose"),
        ({"purpose": (None, "user_data")}, 400, "file"),
        ({**GOOD, "file": ("a.txt", b"")}, 400, "file"),
        ({**GOOD, "file": (None, b"x")}, 400, "file"),
        ({**GOOD, "colour": (None, "red")}, 400, "colour"),
        ({**GOOD, "expires_after[seconds]": (None, "3600")}, 400, "expires_after.anchor"),
        (
            {**GOOD, "expires_after[anchor]": (None, "created_at"), "expires_after[seconds]": (None, "60")},
            400,
            "expires_after.seconds",
        ),
        ({**GOOD, "file": ("a.bin", b"x" * 3_000_001)}, 413, "file"),
        ([("file", ("a.txt", b"x")), ("file", ("b.txt", b"y")), ("purpose", (None, "evals"))], 400, "file"),
    ],
)
def test_a_bad_form_is_refused_by_its_field_and_leaves_nothing(wire, form, status, param):
    before = wire.get("/v1/files").json()["data"]
    answer = wire.post("/v1/files", files=form)
    assert (answer.status_code, answer.json()["error"]["param"]) == (status, param)
    assert wire.get("/v1/files").json()["data"] == before


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("application/json", b"{}", 415),
        ("multipart/form-data", b"", 400),
        ("multipart/form-data; boundary=x", b"", 400),
        ("multipart/form-data; boundary=x", b"--x\r\nno colon\r\n\r\n", 400),
        ("multipart/form-data; boundary=x", b"--y\r\n", 400),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\nhalf',
            400,
        ),
        ("multipart/form-data; boundary=x", b"--x\r\n" + b"a: b\r\n" * 5000 + b"\r\n\r\n--x--", 400),
    ],
)
def test_a_body_that_is_no_form_is_refused(wire, kind, body, status):
    assert wire.post("/v1/files", content=body, headers={"content-type": kind}).status_code == status


@pytest.mark.parametrize(
    ("asked", "status", "said"),
    [
        ("bytes=0-3", 206, b"0123"),
        ("bytes=4-", 206, b"456789"),
        ("bytes=-3", 206, b"789"),
        ("bytes=8-99", 206, b"89"),
        ("bytes=0-", 200, b"0123456789"),
        ("bytes=3-1", 200, b"0123456789"),
        ("bytes=0-1,4-5", 200, b"0123456789"),
        ("lines=1-2", 200, b"0123456789"),
    ],
)
def test_a_range_is_cut_out(client, wire, asked, status, said):
    file = client.files.create(file=("digits", b"0123456789"), purpose="user_data")
    answer = wire.get(f"/v1/files/{file.id}/content", headers={"range": asked})
    assert (answer.status_code, answer.content) == (status, said)
    assert ("content-range" in answer.headers) == (status == 206)


def test_a_range_behind_the_end_cannot_be_had(client, wire):
    file = client.files.create(file=("digits", b"0123456789"), purpose="user_data")
    answer = wire.get(f"/v1/files/{file.id}/content", headers={"range": "bytes=10-"})
    assert (answer.status_code, answer.headers["content-range"]) == (416, "bytes */10")


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "order=up", "after=file-1", "colour=red"])
def test_a_bad_page_is_refused_by_its_parameter(wire, query):
    answer = wire.get(f"/v1/files?{query}")
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, query.partition("=")[0])


@pytest.mark.parametrize("file_id", ["file-" + "0" * 32, "file-x", "..%2f..%2fetc%2fpasswd", "x" * 500])
def test_an_unknown_file_is_not_found(wire, file_id):
    answer = wire.get(f"/v1/files/{file_id}")
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] in ("file_not_found", "route_not_found")


async def test_both_clients_upload_from_open_files(client):
    file = client.files.create(file=("stream.txt", io.BytesIO(b"from a stream")), purpose="user_data")
    assert client.files.content(file.id).text == "from a stream"


def test_a_download_that_breaks_off_does_not_end_like_a_whole_one(client, wire, state_dir):
    file = client.files.create(file=("data.bin", os.urandom(2_500_000)), purpose="user_data")
    [stored] = [path for path in state_dir.rglob("*") if path.name.startswith(file.id)]
    os.truncate(stored, 1_500_000)
    with pytest.raises(httpx2.RemoteProtocolError):
        wire.get(f"/v1/files/{file.id}/content")
    assert wire.get(f"/v1/files/{file.id}").status_code == 200
