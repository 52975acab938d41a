"""Servers that keep vectors and files: killed, side by side, with a full disk, a lock, a damaged database."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median

import apsw
import httpx2
import pytest
from integration.reaching import server_process
from integration.storage.killing import Alarm, Ledger, assert_sound, chunks_of

from stack.testing.postgres import DATABASE, PASSWORD, USER, PostgresServer, postgres_programs

CONFIG = Path(__file__).with_name("vectors.yaml")
LOOPS = int(os.environ.get("STACK_KILL_LOOPS", "20"))
BOOT_S = 5.0
INLINE = ("sqlite-vec", "faiss")
CHAT = {"model": "playground/not-an-llm", "messages": [{"role": "user", "content": "Are you there?"}]}


def server(state_dir, **variables):
    variables = {"STACK_STATE_DIR": str(state_dir), **variables}
    return server_process(CONFIG, variables=variables, env={"PYTHONDEVMODE": None})


@contextmanager
def calling(running) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=running.base_url, timeout=60) as client:
        yield client


@contextmanager
def calls(state_dir, **variables) -> Iterator[httpx2.Client]:
    """A server, and what calls it."""
    with server(state_dir, **variables) as running, calling(running) as client:
        yield client


def new_store(client, provider_id, **more):
    body = {"provider_id": provider_id, "embedding_dimension": 64, "name": provider_id, **more}
    return client.post("/vector_stores", json=body).json()["id"]


def insert(client, store, name, size=1):
    chunks = [{"chunk_id": f"{name}/{n}", "content": f"{name} {n}", "metadata": {"batch": name}} for n in range(size)]
    return client.post("/vector-io/insert", json={"vector_store_id": store, "chunks": chunks})


def upload(client, content):
    return client.post("/files", files={"file": ("a.txt", content)}, data={"purpose": "assistants"})


def until(true, limit_s=60):
    """Ask again and again, until it is so."""
    end = time.monotonic() + limit_s
    while not true():
        assert time.monotonic() < end, "it did not come to be"
        time.sleep(0.05)


def attached(client, store, content):
    """The id of a file that is uploaded, and in a store."""
    file_id = upload(client, content).json()["id"]
    path = f"/vector_stores/{store}/files"
    client.post(path, json={"file_id": file_id})
    until(lambda: client.get(f"{path}/{file_id}").json()["status"] == "completed")
    return file_id


def files_found(client, store):
    answer = client.post(f"/vector_stores/{store}/search", json={"query": "cats", "max_num_results": 50})
    return {found["file_id"] for found in answer.json()["data"]}


def change(path, statement):
    """Change a database as nobody but time would."""
    connection = apsw.Connection(str(path))
    connection.set_busy_timeout(60_000)
    changed = connection.execute(statement).get
    connection.close()
    return changed


def told(answer):
    """Status, code and whether to retry."""
    return answer.status_code, answer.json()["error"]["code"], answer.headers.get("x-should-retry")


def others():
    """How many times as long everything takes because the machine works for others, too."""
    return max(1.0, os.getloadavg()[0] / len(os.sched_getaffinity(0)))


def survives(state_dir, providers, loops, **variables):
    """Start, work, kill, and look, again and again; every second time not before something of each kind was stored."""
    chance, ledger, boots = random.Random(8), None, []
    for loop in range(loops + 1):
        began = time.monotonic()
        with server(state_dir, **variables) as running, calling(running) as client:
            boots.append((time.monotonic() - began) / others())
            if ledger is None:
                ledger = Ledger([new_store(client, each) for each in providers])
            ledger.assert_kept(client, loop - 1)
            if loop == loops:
                ledger.assert_finished(client)
                break
            alarm = Alarm(lambda running=running: running.send_signal(signal.SIGKILL), chance.uniform(0.005, 0.5))
            ledger.work(running.origin, loop, alarm, least=loop % 2)
        assert_sound(state_dir)
    assert min(len(ledger.stored), len(ledger.uploaded), len(ledger.attached)) >= loops // 2
    assert median(boots) < BOOT_S


def test_what_a_server_acknowledged_survives_kill_9_and_nothing_is_half_there(tmp_path):
    survives(tmp_path / "state", INLINE, LOOPS)


@pytest.fixture(scope="module")
def postgres():
    if postgres_programs() is None:
        pytest.skip("there is no Postgres here: run `make engines`")
    with PostgresServer() as running:
        port = {"PGVECTOR_PORT": str(running.port), "PGVECTOR_DB": DATABASE}
        yield {**port, "PGVECTOR_USER": USER, "PGVECTOR_PASSWORD": PASSWORD}


def test_what_is_kept_in_postgres_survives_kill_9_of_the_server(tmp_path, postgres):
    survives(tmp_path / "state", ("pgvector",), max(5, LOOPS // 4), **postgres)


@pytest.mark.parametrize("provider_id", [*INLINE, "pgvector"])
def test_two_servers_see_each_others_inserts_and_deletes_within_a_second(tmp_path, request, provider_id):
    variables = request.getfixturevalue("postgres") if provider_id == "pgvector" else {}
    with calls(tmp_path, **variables) as first, calls(tmp_path, **variables) as second:
        store = new_store(first, provider_id)
        took = []
        for number in range(10):
            writer, reader = (first, second) if number % 2 else (second, first)
            assert insert(writer, store, f"n{number}", 3).status_code == 200
            began = time.monotonic()
            assert len(chunks_of(reader, store, f"n{number}")) == 3
            took.append(time.monotonic() - began)
        assert median(took) < 1  # what one of them took longer is the machine's
        assert first.delete(f"/vector_stores/{store}").json()["deleted"]
        asked = second.post("/vector-io/query", json={"vector_store_id": store, "query": "n1"})
        assert told(asked)[:2] == (404, "vector_store_not_found")


@pytest.mark.parametrize("provider_id", INLINE)
def test_what_one_server_replaces_or_takes_out_the_other_no_longer_finds(tmp_path, provider_id):
    with calls(tmp_path) as first, calls(tmp_path) as second:
        store, other = new_store(first, provider_id), new_store(second, provider_id)
        one, two = attached(first, store, b"Cats sleep."), attached(second, store, b"Cats wake.")
        second.post(f"/vector_stores/{other}/files", json={"file_id": two})
        until(lambda: files_found(first, other) == {two})
        assert files_found(second, store) == files_found(first, store) == {one, two}
        assert first.delete(f"/vector_stores/{store}/files/{one}").json()["deleted"]
        assert files_found(second, store) == {two}
        assert second.delete(f"/files/{two}").json()["deleted"]
        assert [files_found(first, each) for each in (store, other)] == [set(), set()]
        for writer, reader, size in ((first, second, 3), (second, first, 1)):
            assert insert(writer, store, "same", size).status_code == 200
            assert len(chunks_of(reader, store, "same")) == 3


@pytest.mark.parametrize("provider_id", INLINE)
def test_an_unused_store_expires_for_every_server_and_its_chunks_go(tmp_path, provider_id):
    a_day = {"anchor": "last_active_at", "days": 1}
    with calls(tmp_path) as first, calls(tmp_path) as second:
        store = new_store(first, provider_id, expires_after=a_day)
        assert insert(first, store, "n", 3).status_code == 200
        assert len(chunks_of(second, store, "n")) == 3
        change(tmp_path / "vector_stores.db", "UPDATE stores SET last_active_at = last_active_at - 86400")
        asked = second.post("/vector-io/query", json={"vector_store_id": store, "query": "n"})
        assert told(asked)[:2] == (400, "vector_store_expired")
        assert first.get(f"/vector_stores/{store}").json()["status"] == "expired"
        until(lambda: change(tmp_path / f"vector_io_{provider_id}.db", "SELECT count(*) FROM chunks") == 0)


@pytest.mark.parametrize("provider_id", INLINE)
def test_what_expires_unasked_is_gone_once_a_server_has_looked(tmp_path, provider_id):
    with calls(tmp_path) as first:
        kept, old = new_store(first, provider_id), new_store(first, provider_id)
        one, two = attached(first, kept, b"Cats sleep."), attached(first, kept, b"Cats wake.")
        change(tmp_path / "files.db", f"UPDATE files SET expires_at = 1 WHERE id = '{two}'")
        change(
            tmp_path / "vector_stores.db", f"UPDATE stores SET expires_days = 1, last_active_at = 1 WHERE id = '{old}'"
        )
        with calls(tmp_path):  # each looks when it starts, and then every minute
            until(lambda: files_found(first, kept) == {one})
            until(lambda: [path.name for path in (tmp_path / "files").glob("**/file-*")] == [one])
            until(lambda: change(tmp_path / f"vector_io_{provider_id}.db", "SELECT count(*) FROM stores") == 1)


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 16 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(folder)]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small tmpfs can only be mounted by root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(path):
    """Write until there is no space."""
    with path.open("wb", buffering=0) as filler, suppress(OSError):
        while filler.write(bytes(65536)):
            pass


@pytest.mark.parametrize("provider_id", INLINE)
def test_a_full_disk_is_507_what_needs_none_goes_on_and_room_mends_it(small_disk, provider_id):
    with calls(small_disk / "state") as client:
        store = new_store(client, provider_id)
        assert insert(client, store, "before", 20).status_code == 200
        fill(small_disk / "filler")
        assert told(insert(client, store, "during", 5000)) == (507, "storage_full", "false")
        assert told(upload(client, bytes(4_000_000))) == (507, "storage_full", "false")
        assert len(chunks_of(client, store, "before")) == 20
        assert client.post("/chat/completions", json=CHAT).status_code == 200
        (small_disk / "filler").unlink()
        assert chunks_of(client, store, "during") == []
        assert insert(client, store, "after", 20).status_code == 200
        assert upload(client, bytes(1_000_000)).status_code == 200


@contextmanager
def locked(path):
    """A database that another process holds for writing."""
    other = apsw.Connection(str(path))
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


def test_a_lock_that_lasts_is_503_reads_and_answers_go_on_and_its_end_mends_it(tmp_path):
    with calls(tmp_path) as client:
        store = new_store(client, "faiss")
        assert insert(client, store, "before", 3).status_code == 200
        with locked(tmp_path / "vector_io_faiss.db"):
            busy = insert(client, store, "during")
            assert (told(busy)[:2], busy.headers["retry-after"]) == ((503, "storage_busy"), "1")
            assert len(chunks_of(client, store, "before")) == 3
            assert client.post("/chat/completions", json=CHAT).status_code == 200
            assert upload(client, b"a").status_code == 200
        assert insert(client, store, "after").status_code == 200
        assert chunks_of(client, store, "during") == []


@pytest.mark.parametrize("provider_id", INLINE)
def test_a_damaged_database_is_503_left_as_it_is_and_the_rest_serves(tmp_path, provider_id):
    with calls(tmp_path) as client:
        store = new_store(client, provider_id)
        assert insert(client, store, "before", 300).status_code == 200
    path = tmp_path / f"vector_io_{provider_id}.db"
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(random.Random(1).randbytes(path.stat().st_size - 4096))
    damaged = path.read_bytes()
    with calls(tmp_path) as client:
        assert told(insert(client, store, "during"))[:2] == (503, "storage_corrupt")
        asked = client.post("/vector-io/query", json={"vector_store_id": store, "query": "before"})
        assert told(asked)[:2] == (503, "storage_corrupt")
        assert client.post("/chat/completions", json=CHAT).status_code == 200
        assert upload(client, b"a").status_code == 200
    assert path.read_bytes() == damaged
