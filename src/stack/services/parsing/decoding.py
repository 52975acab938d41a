"""Bytes to text: by byte order mark, by what is declared, or by what the bytes look like."""

from __future__ import annotations

import codecs
import re

_MARKS = (  # longest first: UTF-32's begins with UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:-]+)", re.IGNORECASE)
_XML_ENCODING = re.compile(rb"\A\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([\w.:-]+)")
_HTML_CHARSET = re.compile(rb"<meta[^>]{0,300}?charset\s*=\s*[\"']?([\w.:-]+)", re.IGNORECASE)
_SNIFFED_BYTES = 4096
_LATIN = "cp1252"  # what pages that say iso-8859-1 are read as: https://encoding.spec.whatwg.org/#names-and-labels
_LATIN_NAMES = {"iso8859-1"}


def decode(data: bytes, media_type: str | None, *, is_html: bool = False) -> str:
    """The text of `data`. Never fails: what is in no known encoding is read as windows-1252.

    is_html: whether a `<meta charset>` in it speaks of itself; elsewhere it is an example.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data.decode(encoding, "replace")
    if wide := _looks_like(data):
        return data.decode(wide, "replace")
    for encoding in (*_declared(data, media_type, is_html), "utf-8"):
        if (text := _decoded(data, encoding)) is not None:
            return text
    return _damaged(data)


def _declared(data: bytes, media_type: str | None, is_html: bool) -> list[str]:
    head, patterns = data[:_SNIFFED_BYTES], (_XML_ENCODING, *([_HTML_CHARSET] if is_html else []))
    inside = [found[1].decode("latin-1") for pattern in patterns if (found := pattern.search(head))]
    outside = _CHARSET.search(media_type or "")
    # Where ASCII can be read, it is not UTF-16, whatever it says.
    return ([outside[1]] if outside else []) + [name for name in inside if not name.lower().startswith("utf-16")]


def _looks_like(data: bytes) -> str | None:
    """UTF-16 without a mark: every other byte of mostly Latin text is NUL."""
    head = data[:_SNIFFED_BYTES]
    half = len(head) / 2
    even, odd = head[::2].count(0), head[1::2].count(0)
    if max(even, odd) < max(2, 0.4 * half) or min(even, odd) > 0.1 * half:
        return None
    return "utf-16-le" if odd > even else "utf-16-be"


def _decoded(data: bytes, encoding: str) -> str | None:
    try:
        name = codecs.lookup(encoding).name
        return data.decode(_LATIN if name in _LATIN_NAMES else name)
    except (LookupError, ValueError):  # unknown, no text encoding, or not the true one
        return None


def _damaged(data: bytes) -> str:
    """UTF-8 with some bytes damaged, if most of its long characters are whole; else windows-1252."""
    text = data.decode("utf-8", "replace")
    damaged = text.count("\ufffd")
    whole = len(text) - len(text.encode("ascii", "ignore")) - damaged
    if damaged <= whole:
        return text
    return _decoded(data, _LATIN) or data.decode("latin-1")
