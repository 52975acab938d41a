"""Office files and PDFs made part by part, well-formed or not."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Mapping

RELATIONSHIPS = "http://schemas.openxmlformats.org/package/2006/relationships"
KINDS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
WORD = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
SHEET = f'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="{KINDS}"'


def zipped(parts: Mapping[str, bytes | str], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip archive of these entries."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", method) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return held.getvalue()


def relations(**targets: str) -> str:
    """A part that lists relationships: `rId1` to the last, each of the kind that its name tells."""
    rows = (
        f'<Relationship Id="rId{number}" Type="{KINDS}/{kind.rstrip("0123456789")}" Target="{target}"/>'
        for number, (kind, target) in enumerate(targets.items(), start=1)
    )
    return f'<Relationships xmlns="{RELATIONSHIPS}">{"".join(rows)}</Relationships>'


def docx(body: str, others: Mapping[str, bytes | str] | None = None, prolog: str = "") -> bytes:
    """A Word document with this body."""
    document = f"{prolog}<w:document {WORD}><w:body>{body}</w:body></w:document>"
    parts = {"_rels/.rels": relations(officeDocument="word/document.xml"), "word/document.xml": document}
    return zipped({**parts, **(others or {})})


def paragraph(text: str, properties: str = "") -> str:
    """A paragraph of a Word document."""
    return f"<w:p>{f'<w:pPr>{properties}</w:pPr>' if properties else ''}<w:r><w:t>{text}</w:t></w:r></w:p>"


def xlsx(sheet: str, others: Mapping[str, bytes | str] | None = None, workbook: str = "") -> bytes:
    """A workbook with one sheet, `Only`."""
    parts = {
        "_rels/.rels": relations(officeDocument="/xl/workbook.xml"),
        "xl/workbook.xml": f'<workbook {SHEET}>{workbook}<sheets><sheet name="Only" r:id="rId1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": relations(
            worksheet="worksheets/sheet1.xml", sharedStrings="sharedStrings.xml", styles="styles.xml"
        ),
        "xl/worksheets/sheet1.xml": f"<worksheet {SHEET}>{sheet}</worksheet>",
    }
    return zipped({**parts, **(others or {})})


def pdf(objects: Iterable[bytes], trailer: bytes = b"/Root 1 0 R") -> bytes:
    """A PDF of these objects, numbered from 1. `trailer` may hold `%d`, which becomes the place of the table."""
    held = bytearray(b"%PDF-1.7\n")
    places = []
    for number, each in enumerate(objects, start=1):
        places.append(len(held))
        held += b"%d 0 obj\n%s\nendobj\n" % (number, each)
    table = len(held)
    held += b"xref\n0 %d\n0000000000 65535 f \n" % (len(places) + 1)
    held += b"".join(b"%010d 00000 n \n" % place for place in places)
    ending = trailer.replace(b"%d", b"%d" % table)
    return bytes(held) + b"trailer\n<< /Size %d %s >>\nstartxref\n%d\n%%%%EOF\n" % (len(places) + 1, ending, table)


def page_objects(content: bytes, kids: bytes = b"3 0 R", options: bytes = b"") -> list[bytes]:
    """Catalog, page tree, page, content, font: a PDF of one page."""
    return [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [%s] /Count 1 >>" % kids,
        b"<< /Type /Page /Parent 2 0 R /Contents 4 0 R /MediaBox [0 0 612 792]"
        b" /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d %s >>\nstream\n%s\nendstream" % (len(content), options, content),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
