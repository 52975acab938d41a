"""Bytes become text in the encoding that a mark, a declaration or the bytes themselves tell."""

from __future__ import annotations

import codecs

import pytest

from stack.services.parsing.decoding import decode

GERMAN = "Grüße aus Köln"


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
        (b"", "utf-8"),
        (b"", "utf-16-le"),
        (b"", "utf-16-be"),
        (b"", "cp1252"),
    ],
)
def test_an_encoding_is_found_without_being_named(mark: bytes, encoding: str):
    assert decode(mark + GERMAN.encode(encoding), None) == GERMAN


@pytest.mark.parametrize(
    ("data", "media_type", "text"),
    [
        ("Привет".encode("cp1251"), "text/plain; charset=windows-1251", "Привет"),
        ("日本語".encode("shift_jis"), 'text/plain; charset="Shift_JIS"', "日本語"),
        ("€".encode("cp1252"), "text/plain;charset=iso-8859-1", "€"),
        (
            '<?xml version="1.0" encoding="euc-kr"?>한'.encode("euc-kr"),
            None,
            '<?xml version="1.0" encoding="euc-kr"?>한',
        ),
        (b'<?xml encoding="utf-16"?>ab', None, '<?xml encoding="utf-16"?>ab'),
    ],
)
def test_a_declared_encoding_is_used(data: bytes, media_type: str | None, text: str):
    assert decode(data, media_type) == text


def test_a_page_names_its_encoding_and_a_text_about_pages_does_not():
    page = '<meta charset="koi8-r">Да'
    assert decode(page.encode("koi8-r"), "text/html", is_html=True) == page
    assert decode(page.encode(), "text/markdown") == page


@pytest.mark.parametrize(
    "charset", ["nonsense", "base64", "zlib", "rot13", "utf-16", "ascii", "undefined", "idna", "x" * 999]
)
def test_a_wrong_declaration_does_no_harm(charset: str):
    data = GERMAN.encode() + b"\xc3\xa9\xff"
    assert decode(data, f"text/plain; charset={charset}").startswith(("Gr", "\u7247"))


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("Grüße und Küsse".encode() + b"\xff", "Grüße und Küsse\ufffd"),
        ("Grüße und Küsse".encode()[:-13], "Grü\ufffd"),
        (b"\x81\x8d alone", "\x81\x8d alone"),
        (b"ab\x00\xd8c"[:3], "ab\x00"),
    ],
)
def test_damaged_bytes_cost_only_themselves(data: bytes, text: str):
    assert decode(data, None) == text
