"""An index as a file: a cache, which is believed only if every bit of it is as it was written.

magic (8 bytes), version (4), SHA-256 of all else (32), length of the header (4), the header as JSON, then for each part
its rows, the positions that are dead (int64 each) and the index as faiss writes it; numbers are little-endian.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import struct
from pathlib import Path
from typing import Any

import faiss
import msgspec
import numpy as np

from stack.providers.inline.faiss_index.index import VectorIndex
from stack.providers.inline.faiss_index.part import Part
from stack.providers.inline.faiss_index.settings import ScanKind
from stack.storage.opening import sync_directory

MAGIC = b"stackvec"
VERSION = 1
_PREFIX = struct.Struct("<8sI32sI")


class Unusable(Exception):
    """A file that is not what the database says was written; the message tells how."""


class PartHeader(msgspec.Struct):
    """scale: see `Part`; index_bytes: length of what faiss wrote."""

    rows: int
    dead: int
    index_bytes: int
    scale: float


class Header(msgspec.Struct):
    """Of which store and state an index is; parts: what is scanned, and the graph if there is one."""

    vector_store_id: str
    number: int
    generation: int
    last_row: int
    count: int
    length: int
    kind: ScanKind
    parts: list[PartHeader]


def packed(index: VectorIndex) -> list[Any]:
    """The file of an index, in pieces; whoever asks holds the lock shared."""
    parts = [part for part in (index.scanned, index.graph) if part is not None]
    headers, payload = [], []
    for part in parts:
        dead, body = np.array(sorted(part.dead), "<i8"), faiss.serialize_index(part.index)
        headers.append(PartHeader(len(part.rows), len(dead), body.nbytes, part.scale))
        payload += [part.rows.astype("<i8").data, dead.data, body.data]
    header = Header(
        vector_store_id=index.spec.vector_store_id,
        number=index.number,
        generation=index.generation,
        last_row=index.last_row,
        count=len(index),
        length=sum(piece.nbytes for piece in payload),
        kind=index.kind,
        parts=headers,
    )
    return [msgspec.json.encode(header), *payload]


def write(folder: Path, pieces: list[Any]) -> str:
    """Write a file that is whole or not there, and durable. Returns its SHA-256 as hex. Raises: OSError."""
    digest = hashlib.sha256(_PREFIX.pack(MAGIC, VERSION, b"", len(pieces[0])))
    for piece in pieces:
        digest.update(piece)
    partial = folder / f".{digest.hexdigest()}.{secrets.token_hex(8)}"
    try:
        with open(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            file.write(_PREFIX.pack(MAGIC, VERSION, digest.digest(), len(pieces[0])))
            file.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())
        partial.rename(path_of(folder, digest.hexdigest()))
        sync_directory(folder)
    finally:
        partial.unlink(missing_ok=True)
    return digest.hexdigest()


def path_of(folder: Path, sha256: str) -> Path:
    """Where a snapshot lies; the dot keeps it out of backups, which need no caches."""
    return folder / f".{sha256}.index"


def sha256_of(file: Path) -> str:
    """What the name of a snapshot, or of a part of one that was left, tells; empty for other files."""
    found = re.fullmatch(r"\.([0-9a-f]{64})\.(index|[0-9a-f]{16})", file.name)
    return found[1] if found else ""


def load(folder: Path, sha256: str, index: VectorIndex) -> None:
    """Fill an index that was just reset. Raises: Unusable, and then nothing of it has changed."""
    try:
        content = path_of(folder, sha256).read_bytes()
    except OSError as error:
        raise Unusable(f"the file cannot be read: {error.strerror}") from error
    if len(content) < _PREFIX.size:
        raise Unusable("the file is cut")
    magic, version, told, header_length = _PREFIX.unpack_from(content)
    if (magic, version) != (MAGIC, VERSION):
        raise Unusable("the file has another format")
    digest = hashlib.sha256(_PREFIX.pack(magic, version, b"", header_length))
    digest.update(memoryview(content)[_PREFIX.size :])
    if not digest.hexdigest() == told.hex() == sha256:
        raise Unusable("the file is damaged: its SHA-256 is another")
    start = _PREFIX.size + header_length
    header = msgspec.json.decode(content[_PREFIX.size : start], type=Header)
    _take(index, header, memoryview(content)[start:])


def _take(index: VectorIndex, header: Header, payload: memoryview) -> None:
    told = (header.vector_store_id, header.number, header.length)
    if told != (index.spec.vector_store_id, index.number, len(payload)):
        raise Unusable("the file is of another store")
    if not index.settings.may_be(index.spec, header.kind, len(header.parts) > 1):
        raise Unusable("the kind of index is set to another since")
    parts, at = [], 0
    for part in header.parts:
        rows = np.frombuffer(payload[at:], "<i8", part.rows).astype(np.int64)
        dead = np.frombuffer(payload[at + rows.nbytes :], "<i8", part.dead)
        at += rows.nbytes + dead.nbytes
        body = np.frombuffer(payload[at:], np.uint8, part.index_bytes)
        parts.append(Part(faiss.deserialize_index(body), rows, part.scale))
        parts[-1].dead = set(dead.tolist())
        at += part.index_bytes
    index.generation, index.last_row, index.kind = header.generation, header.last_row, header.kind
    index.scanned, index.graph = parts[0], parts[1] if len(parts) > 1 else None
