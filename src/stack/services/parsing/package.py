"""The zip archive that a docx, pptx or xlsx file is: its limits, its parts, and what they refer to.

Nothing is written anywhere: parts are read as streams, by the names that other parts give them.
"""

from __future__ import annotations

import posixpath
import zipfile
from typing import IO

from stack.services.parsing.failures import invalid, unsupported
from stack.services.parsing.limits import MIB, Limits
from stack.services.parsing.xml_events import attribute, read_events

_ENCRYPTED = 0x1
_READABLE_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_FREE_BYTES = MIB  # small parts may be packed as well as they like
_OTHERS = (
    ("mimetype", "an OpenDocument file or an e-book"),
    ("xl/workbook.bin", "a binary workbook (xlsb)"),
    ("META-INF/MANIFEST.MF", "a Java archive"),
    ("index/document.iwa", "an iWork document"),
)


class Package:
    """An Office file, opened. Raises ParseFailed where it is none, or larger inside than is read."""

    def __init__(self, file: IO[bytes], limits: Limits) -> None:
        try:
            self._zip = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, NotImplementedError) as error:
            raise invalid("the file is a broken zip archive: save it again") from error
        self._parts = {entry.filename: entry for entry in self._zip.infolist()}
        self._check(limits)

    def main_part(self) -> str:
        """The part that holds the document, such as `word/document.xml`."""
        for kind, target in self.relations("").values():
            if kind == "officeDocument" and target in self._parts and not target.endswith(".bin"):
                return target
        what = next((what for name, what in _OTHERS if name in self._parts), "a zip archive")
        raise unsupported(
            f"the file is {what}, which is not read: send docx, pptx or xlsx, or the files in it one by one"
        )

    def relations(self, part: str) -> dict[str, tuple[str, str]]:
        """Relationship id -> (the last word of its type, the part it names). `part` is empty for the package itself."""
        folder, name = posixpath.split(part)
        found: dict[str, tuple[str, str]] = {}
        listed = posixpath.join(folder, "_rels", f"{name}.rels")
        if listed not in self._parts:
            return found
        with self.open(listed) as file:
            for event, element, attributes in read_events(file):
                if event == "start" and element == "Relationship" and attribute(attributes, "TargetMode") != "External":
                    target = posixpath.normpath(posixpath.join("/", folder, attribute(attributes, "Target")))
                    kind = attribute(attributes, "Type").rpartition("/")[2]
                    found[attribute(attributes, "Id")] = (kind, target.lstrip("/"))
        return found

    def related(self, part: str, kind: str) -> str | None:
        """The part of that kind that `part` refers to, if it is there."""
        targets = (target for each, target in self.relations(part).values() if each == kind)
        return next((target for target in targets if target in self._parts), None)

    def holds(self, part: str) -> bool:
        """Whether there is such a part."""
        return part in self._parts

    def open(self, part: str) -> IO[bytes]:
        """A part as a stream of no more bytes than it declares."""
        if part not in self._parts:
            raise invalid("the file lacks a part that it refers to: open it and save it again")
        return self._zip.open(self._parts[part])

    def _check(self, limits: Limits) -> None:
        entries = self._zip.infolist()
        if len(entries) > limits.entries:
            raise invalid(f"the archive has {len(entries)} entries, and {limits.entries} are read: split it")
        unpacked = sum(entry.file_size for entry in entries)
        packed = sum(entry.compress_size for entry in entries)
        if unpacked > limits.unpacked_bytes:
            raise invalid(f"the archive unpacks to more than {limits.unpacked_bytes // MIB} MiB: split it")
        if unpacked > packed * limits.ratio + _FREE_BYTES:
            raise invalid(f"the archive unpacks to more than {limits.ratio} times its size, as archive bombs do")
        if any(entry.flag_bits & _ENCRYPTED for entry in entries):
            raise invalid("the archive is encrypted: save the file without a password")
        if any(entry.compress_type not in _READABLE_METHODS for entry in entries):
            raise invalid("the archive is packed by a method that Office files do not use: save it again")
