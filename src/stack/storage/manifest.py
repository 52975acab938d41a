"""What a backup holds: a list with the hash of everything, written last, so that a backup without it is none."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from stack.errors import StorageCorrupt
from stack.storage.storage import is_name

MANIFEST = "manifest.json"
BLOCK_BYTES = 1024 * 1024


def _database_name(name: str) -> str:
    if not is_name(name):
        raise ValueError("no name of a database")
    return name


def _relative_path(path: str) -> str:
    parts = PurePosixPath(path).parts
    is_plain = path == "/".join(parts) and "\0" not in path and not {"..", "/"} & {*parts}
    if not is_plain or len(parts) < 2 or not is_name(parts[0]):
        raise ValueError("no path in a directory of bytes")
    return path


class Content(BaseModel):
    """Bytes by what they are. `bytes` is their number; `sha256` is in hexadecimal."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    bytes: int = Field(ge=0)


class Manifest(BaseModel):
    """The content of `manifest.json`. databases: by name; files: by path relative to the state directory."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    version: str
    created_at: str
    databases: dict[Annotated[str, AfterValidator(_database_name)], Content]
    files: dict[Annotated[str, AfterValidator(_relative_path)], Content]

    def contents(self) -> Iterator[tuple[str, Content]]:
        """Where in the backup each content lies, and what it must be; equal files lie there once."""
        for name, content in self.databases.items():
            yield database_path(name), content
        for content in {each.sha256: each for each in self.files.values()}.values():
            yield bytes_path(content.sha256), content


def database_path(name: str) -> str:
    """Where a backup has a database."""
    return f"databases/{name}.db"


def bytes_path(sha256: str) -> str:
    """Where a backup has the bytes of a hash."""
    return f"bytes/{sha256[:2]}/{sha256}"


def read_manifest(backup: Path) -> Manifest:
    """The manifest of a backup. Raises: StorageCorrupt if there is none, or if it is not whole."""
    try:
        return Manifest.model_validate_json((backup / MANIFEST).read_bytes())
    except OSError as error:
        raise StorageCorrupt(f"`{backup}` is no whole backup: it has no `{MANIFEST}` that can be read") from error
    except ValidationError as error:
        found = re.sub(r"\s+", " ", error.errors(include_url=False, include_input=False)[0]["msg"])
        raise StorageCorrupt(f"the `{MANIFEST}` of `{backup}` is damaged, or of a newer version: {found}") from error


def content_of(path: Path) -> Content:
    """What a file holds. Raises: OSError."""
    digest, count = hashlib.sha256(), 0
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            digest.update(block)
            count += len(block)
    return Content(sha256=digest.hexdigest(), bytes=count)
