"""What a file is: by its content first, then by its name, then by the type it was sent with."""

from __future__ import annotations

from pathlib import PurePath
from typing import Literal

from stack.services.parsing.decoding import decode
from stack.services.parsing.failures import invalid, unsupported

Format = Literal["pdf", "office", "html", "markdown", "json", "text"]

SNIFFED_BYTES = 8192

# Kinds that are told by their first bytes, and what to do with them.
_NOT_READ = (
    (b"\x89PNG\r\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"BM", "a bitmap image"),
    (b"II*\x00", "a TIFF image"),
    (b"MM\x00*", "a TIFF image"),
    (b"RIFF", "audio, video or a WebP image"),
    (b"ID3", "audio"),
    (b"OggS", "audio or video"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"\x7fELF", "a program"),
    (b"MZ\x90\x00", "a program"),
    (b"SQLite format 3\x00", "a SQLite database"),
    (b"{\\rtf", "an RTF document"),
    (b"%!PS", "a PostScript document"),
)
_READABLE = "send text, Markdown, HTML, JSON, CSV, source code, PDF, docx, pptx or xlsx"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED_OFFICE = "EncryptedPackage".encode("utf-16-le")
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_HTML_STARTS = (b"<!doctype html", b"<html")
_BY_NAME: dict[str, Format] = {
    **dict.fromkeys((".html", ".htm", ".xhtml"), "html"),
    **dict.fromkeys((".md", ".markdown", ".mdx"), "markdown"),
    **dict.fromkeys((".json", ".jsonl", ".ndjson", ".geojson", ".ipynb"), "json"),
}
_BY_TYPE: dict[str, Format] = {
    **dict.fromkeys(("text/html", "application/xhtml+xml"), "html"),
    "text/markdown": "markdown",
    **dict.fromkeys(("application/json", "application/jsonl", "application/x-ndjson"), "json"),
}
_MOST_CONTROLS = 0.05  # of the characters of a text


def detect(head: bytes, name: str, media_type: str | None, whole: bytes = b"") -> Format:
    """The format of a file by `head`, its first 8192 bytes. Raises ParseFailed for kinds that are not read.

    whole: more of the file if there is more, to tell encrypted Office files apart.
    """
    start = head.lstrip(b"\xef\xbb\xbf\r\n\t ")
    extension = PurePath(name.lower()).suffix
    if start.startswith(b"%PDF-") or (extension == ".pdf" and b"%PDF-" in head[:1024]):
        return "pdf"
    if head.startswith(_ZIP):
        return "office"
    if head.startswith(_OLE):
        raise _old_office(whole or head)
    for mark, what in _NOT_READ:
        if head.startswith(mark) and (not mark.isalnum() or not _is_text(head)):
            raise unsupported(f"the file is {what}, which is not read: {_READABLE}")
    if not _is_text(head):
        raise unsupported(f"the file is neither text nor a known format: {_READABLE}")
    if extension in (".pdf", ".docx", ".pptx", ".xlsx"):
        raise invalid(f"the file is named `{extension}` and is none: save it again, or name it as what it is")
    if start[:15].lower().startswith(_HTML_STARTS):
        return "html"
    kind = (media_type or "").partition(";")[0].strip().lower()
    return _BY_NAME.get(extension) or (_BY_TYPE.get(kind) if not extension else None) or "text"


def _old_office(head: bytes) -> Exception:
    if _ENCRYPTED_OFFICE in head:
        return invalid("the file is encrypted: save it without a password")
    return unsupported("the file is in the format of Office before 2007: save it as docx, pptx or xlsx")


def _is_text(head: bytes) -> bool:
    """Whether there are few control characters, in whichever encoding. A few NUL bytes do not make a text binary."""
    text = decode(head, None)
    odd = sum(1 for each in text if each < " " and each not in "\t\n\r\f\b\x1b")
    return odd <= len(text) * _MOST_CONTROLS
