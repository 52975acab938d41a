"""What is asked of a server until it is killed, and what must be there afterwards."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import apsw
import httpx2

SIZES = {"type": "static", "static": {"max_chunk_size_tokens": 100, "chunk_overlap_tokens": 0}}
LIMIT_S = 120.0  # for a file that a killed process left: its lease, and what reading it takes a busy machine


def text_of(name: str) -> bytes:
    """A file of several chunks, by its name."""
    return b"".join(b"Line %d of %s.\n" % (number, name.encode()) for number in range(60))


class Ledger:
    """What was attempted and what was acknowledged: batches of chunks by store, files that were sent, and attached."""

    def __init__(self, stores: Sequence[str]) -> None:
        self.stores = stores
        self.tried: dict[tuple[str, str], int] = {}
        self.stored: set[tuple[str, str]] = set()
        self.sent: set[str] = set()
        self.uploaded: dict[str, str] = {}
        self.attached: set[tuple[str, str]] = set()
        self.refused: list[str] = []

    def work(self, origin: str, loop: int, alarm: Alarm, *, least: int) -> None:
        """Call from several threads until the server is gone.

        The alarm is set once `least` more of each kind are acknowledged.
        """
        kinds = (self.stored, self.uploaded, self.attached)
        goals = [len(kind) + least for kind in kinds]

        def is_enough() -> bool:
            return all(len(kind) >= goal for kind, goal in zip(kinds, goals, strict=True))

        with ThreadPoolExecutor(2 * len(self.stores)) as pool:
            for number, store in enumerate(self.stores):
                pool.submit(self._calling, origin, alarm, is_enough, self._insert, store, f"loop{loop}")
                pool.submit(self._calling, origin, alarm, is_enough, self._upload, store, f"loop{loop}store{number}")

    def _calling(
        self,
        origin: str,
        alarm: Alarm,
        is_enough: Callable[[], bool],
        call: Callable[..., None],
        store: str,
        name: str,
    ) -> None:
        with httpx2.Client(base_url=f"{origin}/v1", timeout=60) as client:
            for number in itertools.count():
                if is_enough():
                    alarm.set()
                if alarm.has_rung():
                    return
                try:
                    call(client, store, f"{name}n{number}", number)
                except httpx2.HTTPError:
                    alarm.set()
                    return

    def _insert(self, client: httpx2.Client, store: str, name: str, number: int) -> None:
        size = (1, 20, 150)[number % 3]
        chunks = [
            {"chunk_id": f"{name}/{n}", "content": f"{name} {n}", "metadata": {"batch": name}} for n in range(size)
        ]
        self.tried[store, name] = size
        answer = client.post("/vector-io/insert", json={"vector_store_id": store, "chunks": chunks})
        self._note(answer, lambda: self.stored.add((store, name)))

    def _upload(self, client: httpx2.Client, store: str, name: str, number: int) -> None:
        self.sent.add(name)
        file = {"file": (name, text_of(name))}
        answer = client.post("/files", files=file, data={"purpose": "assistants"})
        self._note(answer, lambda: self.uploaded.update({answer.json()["id"]: name}))
        file_id = answer.json()["id"]
        body = {"file_id": file_id, "chunking_strategy": SIZES}
        answer = client.post(f"/vector_stores/{store}/files", json=body)
        self._note(answer, lambda: self.attached.add((store, file_id)))

    def _note(self, answer: httpx2.Response, acknowledge: Callable[[], object]) -> None:
        if answer.status_code == 200:
            acknowledge()
        else:
            self.refused.append(answer.text)

    def assert_kept(self, client: httpx2.Client, loop: int) -> None:
        """Whether of the last loop all that was acknowledged is there, and nothing by halves."""
        assert self.refused == []
        for (store, name), size in self.tried.items():
            if name.startswith(f"loop{loop}n"):
                found = chunks_of(client, store, name)
                assert len(found) == size if (store, name) in self.stored else len(found) in (0, size), name
        listed = {file["id"]: file for file in client.get("/files?limit=10000").json()["data"]}
        assert self.uploaded.keys() <= listed.keys()
        for file_id, file in listed.items():
            assert file["filename"] in self.sent
            if file["filename"].startswith(f"loop{loop}store"):
                assert client.get(f"/files/{file_id}/content").content == text_of(file["filename"])

    def assert_finished(self, client: httpx2.Client) -> None:
        """Whether every file that was attached becomes searchable, whole."""
        until = time.monotonic() + LIMIT_S
        for store, file_id in self.attached:
            path = f"/vector_stores/{store}/files/{file_id}"
            while (file := client.get(path).json())["status"] == "in_progress":
                assert time.monotonic() < until, "nobody went on with the file"
                time.sleep(0.05)
            assert (file["status"], file["last_error"]) == ("completed", None)
            assert len(client.get(f"{path}/content").json()["data"]) == file["chunks_total"] > 1


def chunks_of(client: httpx2.Client, store: str, name: str) -> list[str]:
    """The ids of the chunks of a batch that a search finds."""
    only = {"type": "eq", "key": "batch", "value": name}
    body = {"vector_store_id": store, "query": name, "params": {"max_chunks": 1000, "filters": only, "mode": "vector"}}
    answer = client.post("/vector-io/query", json=body)
    assert answer.status_code == 200, answer.text
    return [chunk["chunk_id"] for chunk in answer.json()["chunks"]]


def assert_sound(state_dir: Path) -> None:
    """Whether every database passes SQLite's own check."""
    databases = list(state_dir.glob("*.db"))
    assert databases
    for path in databases:
        connection = apsw.Connection(str(path))
        assert connection.execute("PRAGMA integrity_check").get == "ok", path.name
        connection.close()


class Alarm:
    """Kills a while after it is set."""

    def __init__(self, kill: Callable[[], None], after_s: float) -> None:
        self._rung = threading.Event()
        self._timer = threading.Timer(after_s, self._ring, [kill])
        self._lock = threading.Lock()

    def set(self) -> None:
        """From now on; again: no matter."""
        with self._lock:
            if self._timer.ident is None:
                self._timer.start()

    def has_rung(self) -> bool:
        """Whether it has killed."""
        return self._rung.is_set()

    def _ring(self, kill: Callable[[], None]) -> None:
        kill()
        self._rung.set()
