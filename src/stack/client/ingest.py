"""Files of this machine into a vector store: unchanged ones are left alone, changed ones replaced.

The store itself remembers what it has, in two attributes of each file: `path`, and `sha256` of its bytes.
"""

from __future__ import annotations

import hashlib
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import openai
from openai.types.vector_stores import VectorStoreFile

from stack.client.http import StackClient
from stack.client.sources import Source

Result = Literal["added", "replaced", "unchanged", "failed"]
Attributes = Mapping[str, str | float | bool]
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 1.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a file. truncated: chunks whose end the embedding model does not read."""

    source: Source
    result: Result
    chunks: int = 0
    truncated: int = 0
    error: str = ""


class Watcher(Protocol):
    """Is told how a run goes on; `working` by many threads."""

    def working(self, source: Source, chunks: int) -> None:
        """So many chunks of a file have been embedded."""

    def finished(self, outcome: Outcome) -> None:
        """A file is done."""


class Stopped(Exception):
    """The run was ended before this file was done."""


class Ingest:
    """A run. attributes: of every file; chunking: as the API takes it, None to leave it open.

    At whatever point a run ends, the next one goes on: a file that was uploaded and not attached is deleted again, one
    that was attached is finished by the stack, and a changed one is searched for as it was until it is there anew.
    """

    def __init__(
        self,
        client: StackClient,
        store_id: str,
        watcher: Watcher,
        *,
        attributes: Attributes | None = None,
        chunking: Mapping[str, Any] | None = None,
        concurrency: int = 4,
    ) -> None:
        self._client = client
        self._store_id = store_id
        self._watcher = watcher
        self._attributes = dict(attributes or {})
        self._chunking = chunking
        self._concurrency = concurrency
        self._stopping = threading.Event()
        self._known: dict[str, list[VectorStoreFile]] = {}

    def run(self, sources: Sequence[Source]) -> list[Outcome]:
        """Add the files, and wait for them. A file that fails is an outcome; a stack that is gone is an error.

        Raises: openai.APIConnectionError, openai.APIStatusError for the store itself.
        """
        self._known = self._attached()
        pool = ThreadPoolExecutor(self._concurrency)
        try:
            return list(self._collected([pool.submit(self._one, source) for source in sources]))
        finally:
            self._stopping.set()
            pool.shutdown(cancel_futures=True)

    def _collected(self, futures: Sequence[Future[Outcome]]) -> Iterator[Outcome]:
        for future in as_completed(futures):
            outcome = future.result()
            self._watcher.finished(outcome)
            yield outcome

    def _attached(self) -> dict[str, list[VectorStoreFile]]:
        """The files of the store by their path."""
        found: dict[str, list[VectorStoreFile]] = defaultdict(list)
        for file in self._client.vector_stores.files.list(self._store_id, limit=100):
            if isinstance(path := (file.attributes or {}).get("path"), str):
                found[path].append(file)
        return found

    def _one(self, source: Source) -> Outcome:
        try:
            return self._bring(source)
        except openai.APIStatusError as error:
            body = error.body if isinstance(error.body, dict) else {}
            return Outcome(source, "failed", error=str(body.get("message") or error.message))
        except OSError as error:
            return Outcome(source, "failed", error=f"it cannot be read: {error.strerror or error}")

    def _bring(self, source: Source) -> Outcome:
        """Have the store hold a file as it is now, and nothing of what it was."""
        with source.path.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
        wanted = {**self._attributes, "path": source.key, "sha256": digest}
        known = self._known.get(source.key, [])
        same = next((file for file in known if (file.attributes or {}).get("sha256") == digest), None)
        is_there = same is not None and same.status == "completed" and self._is_cut_as_wanted(same)
        if same is not None and is_there:
            if same.attributes != wanted:
                self._client.vector_stores.files.update(same.id, vector_store_id=self._store_id, attributes=wanted)
            file = same
        else:
            file = self._wait(source, self._attach(source, wanted, same))
        if file.status != "completed":
            reason = f"{file.last_error.code}: {file.last_error.message}" if file.last_error else file.status
            return Outcome(source, "failed", error=reason)
        for each in known:
            if each.id != file.id:
                self._remove(each)
        result: Result = "unchanged" if is_there else "replaced" if known and same is None else "added"
        return Outcome(source, result, _number(file, "chunks_total"), _number(file, "chunks_truncated"))

    def _is_cut_as_wanted(self, file: VectorStoreFile) -> bool:
        """Whether its chunks are of the sizes that were asked for, if they were."""
        sizes = (self._chunking or {}).get("static")
        used = file.chunking_strategy
        return sizes is None or (used is not None and used.type == "static" and used.static.model_dump() == sizes)

    def _attach(self, source: Source, wanted: Attributes, same: VectorStoreFile | None) -> str:
        """Add a file to the store, by the upload that is there or a new one. The id of the file."""
        if same is not None:
            with suppress(openai.NotFoundError):  # the upload was deleted
                self._add(same.id, wanted)
                return same.id
        with source.path.open("rb") as content:
            file_id = self._client.files.create(file=(source.path.name, content), purpose="assistants").id
        try:
            if self._stopping.is_set():
                raise Stopped
            self._add(file_id, wanted)
        except BaseException:
            with suppress(openai.APIError):
                self._client.files.delete(file_id)
            raise
        return file_id

    def _add(self, file_id: str, wanted: Attributes) -> None:
        chunking: Any = self._chunking or {"type": "auto"}
        self._client.vector_stores.files.create(
            self._store_id, file_id=file_id, attributes=dict(wanted), chunking_strategy=chunking
        )

    def _wait(self, source: Source, file_id: str) -> VectorStoreFile:
        """The file once it is done. Raises: Stopped."""
        pause = FIRST_PAUSE_S
        while True:
            file = self._client.vector_stores.files.retrieve(file_id, vector_store_id=self._store_id)
            if file.status != "in_progress":
                return file
            self._watcher.working(source, _number(file, "chunks_done"))
            if self._stopping.wait(pause):
                raise Stopped
            pause = min(LONGEST_PAUSE_S, pause * 1.5)

    def _remove(self, file: VectorStoreFile) -> None:
        """Take what a file was out of the store, and delete its upload."""
        with suppress(openai.NotFoundError):
            self._client.vector_stores.files.delete(file.id, vector_store_id=self._store_id)
        with suppress(openai.NotFoundError):
            self._client.files.delete(file.id)


def _number(file: VectorStoreFile, field: str) -> int:
    """A field of ours, which OpenAI's type does not have."""
    value = (file.model_extra or {}).get(field)
    return value if isinstance(value, int) else 0
