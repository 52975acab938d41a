"""Files that are made to break the program that reads them."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator

from office_files import SHEET, docx, page_objects, paragraph, pdf, xlsx, zipped

MIB = 1024 * 1024
WORDS = paragraph("harmless words")
SHOWN = b"BT /F1 12 Tf 72 720 Td (harmless words) Tj ET"


def packed(name: str, blocks: Iterator[bytes]) -> bytes:
    """A Word document with an entry of any size, never held whole."""
    held = io.BytesIO(docx(WORDS))
    with (
        zipfile.ZipFile(held, "a", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open(name, "w", force_zip64=True) as entry,
    ):
        for block in blocks:
            entry.write(block)
    return held.getvalue()


def nested_zips() -> bytes:
    """Sixteen archives in each of sixteen, six levels deep, the innermost full of zeros."""
    inner = zipped({"0": bytes(4 * MIB)})
    for _ in range(6):
        inner = zipped({f"{number:x}.zip": inner for number in range(16)})
    return inner


def document_in_document() -> bytes:
    """A document whose text part is the document."""
    return docx(WORDS, {"word/document.xml": docx(WORDS), "word/again.docx": docx(WORDS)})


def lying_sizes() -> bytes:
    """An entry of 50 MiB that says in the directory that it has 100 bytes."""
    held = bytearray(docx(WORDS, {"word/document.xml": bytes(50 * MIB)}))
    entry = held.rindex(b"PK\x01\x02")
    held[entry + 24 : entry + 28] = struct.pack("<I", 100)
    return bytes(held)


def laughs(prolog: str) -> bytes:
    return docx(paragraph("&lol9;"), prolog=prolog)


def billion_laughs() -> bytes:
    levels = "".join(f'<!ENTITY lol{n} "{f"&lol{n - 1};" * 10}">' for n in range(1, 10))
    return laughs(f'<!DOCTYPE lolz [<!ENTITY lol0 "lol">{levels}]>')


def huge_picture() -> bytes:
    """A PNG of 60,000 times 60,000 pixels beside the text."""
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 6, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(MIB))), (b"IEND", b""))
    png = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    return docx(WORDS, {"word/media/image1.png": png})


def escaping_names() -> bytes:
    """Entries that would be written outside of a folder, and one that is a link."""
    names = (
        "../../escaped",
        "/tmp/escaped-absolute",
        "C:\\escaped",
        "word/../../../escaped",
        "a\x00b",
        "CON",
        "x" * 300,
    )
    held = io.BytesIO(docx(WORDS, {name: "out" for name in names}))
    link = zipfile.ZipInfo("word/link")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(held, "a") as archive:
        archive.writestr(link, "/etc/passwd")
    return held.getvalue()


def flate_bomb() -> bytes:
    """A page whose content is 400 MiB of spaces, packed twice."""
    packer = zlib.compressobj(9)
    once = b"".join(packer.compress(b" " * MIB) for _ in range(400)) + packer.flush()
    twice = zlib.compress(once, 9)
    return pdf(page_objects(twice, options=b"/Filter [/FlateDecode /FlateDecode]"))


def huge_sheet() -> bytes:
    row = '<row r="1048576"><c r="XFD1048576" t="s"><v>0</v></c></row>'
    sheet = f'<dimension ref="A1:XFD1048576"/><sheetData>{row}</sheetData>'
    strings = f'<sst {SHEET} count="4294967295" uniqueCount="4294967295"><si><t>harmless words</t></si></sst>'
    return xlsx(sheet, {"xl/sharedStrings.xml": strings})


# Each ends in the failure of that code.
REFUSED: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "nested zips": ("42.zip", nested_zips, "unsupported_file"),
    "document in itself": ("a.docx", document_in_document, "invalid_file"),
    "300 MiB of zeros": ("a.docx", lambda: packed("word/zeros", iter([bytes(MIB)] * 300)), "invalid_file"),
    "a thousand to one": ("a.docx", lambda: packed("word/zeros", iter([bytes(MIB)] * 50)), "invalid_file"),
    "lying sizes": ("a.docx", lying_sizes, "invalid_file"),
    "10,001 entries": ("a.docx", lambda: docx(WORDS, {str(n): "" for n in range(10_001)}), "invalid_file"),
    "billion laughs": ("a.docx", billion_laughs, "invalid_file"),
    "entity from a file": (
        "a.docx",
        lambda: laughs('<!DOCTYPE a [<!ENTITY lol9 SYSTEM "file:///etc/passwd">]>'),
        "invalid_file",
    ),
    "deep XML": ("a.docx", lambda: docx("<w:x>" * 100_000 + "</w:x>" * 100_000), "invalid_file"),
    "NUL in XML": ("a.docx", lambda: docx(paragraph("a\x00b")), "invalid_file"),
    "cut short": ("a.docx", lambda: docx(WORDS)[:-40], "invalid_file"),
    "400 MiB of spaces": ("a.pdf", flate_bomb, "invalid_file"),
    "a PDF of nothing but its name": ("a.pdf", lambda: b"%PDF-1.7\n" + bytes(1000), "invalid_file"),
    "page tree that holds itself": (
        "a.pdf",
        lambda: pdf(page_objects(SHOWN, kids=b"3 0 R 2 0 R")),
        "invalid_file",
    ),
    "deep arrays": ("a.pdf", lambda: pdf([b"[" * 200_000, b"<< >>"]), "invalid_file"),
    "17 MiB of text": ("a.txt", lambda: b"word and " * 2_000_000, "invalid_file"),
    "random bytes": ("a.txt", lambda: zlib.compress(bytes(range(256)) * 40), "unsupported_file"),
}

# Each is read, or refused by `invalid_file`: what is in it does no harm either way.
HARMLESS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "huge picture": ("a.docx", huge_picture),
    "escaping names": ("a.docx", escaping_names),
    "huge sheet": ("a.xlsx", huge_sheet),
    "table that refers to itself": ("a.pdf", lambda: pdf(page_objects(SHOWN), b"/Root 1 0 R /Prev %d")),
    "deep HTML": ("a.html", lambda: b"<div>" * 200_000 + b"harmless words"),
    "deep lists": ("a.html", lambda: b"<ul><li>" * 50_000 + b"harmless words"),
    "deep JSON": ("a.json", lambda: b"[" * 1_000_000 + b'"harmless words"'),
    "NUL and surrogates": ("a.txt", lambda: b"\x00harmless\x00 \x1b[31mwords \xed\xa0\x80" + b" and more" * 20),
    "escaped surrogates": ("a.json", lambda: b'"harmless words \\ud800 \\udc00 \\u0000"'),
    "referenced surrogates": ("a.html", lambda: b"harmless words &#xD800; &#0; &#x110000;"),
}
