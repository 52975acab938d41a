"""One file to text, in this process: the child's work, without what confines it."""

from __future__ import annotations

from typing import IO

from stack.services.parsing.decoding import decode
from stack.services.parsing.detection import SNIFFED_BYTES, detect
from stack.services.parsing.document import ParsedDocument
from stack.services.parsing.failures import invalid, unsupported
from stack.services.parsing.limits import MIB, Limits
from stack.services.parsing.writing import Writing

_TAIL_BYTES = 64 * 1024  # an encrypted Office file lists what it holds near its begin or end


def read_document(file: IO[bytes], name: str, media_type: str | None, limits: Limits) -> ParsedDocument:
    """The text of `file`. Raises ParseFailed, or whatever a parser makes of a broken file."""
    head = file.read(SNIFFED_BYTES)
    if not head:
        raise invalid("the file is empty")
    format: str = detect(head, name, media_type, head + _tail(file))
    file.seek(0)
    writing = Writing(limits)
    if format == "pdf":
        from stack.services.parsing.pdf import write_pdf

        write_pdf(file, limits, writing)
    elif format == "office":
        format = _write_office(file, limits, writing)
    else:
        _write_plain(format, file, media_type, limits, writing)
    return writing.finished(format)


def _tail(file: IO[bytes]) -> bytes:
    size = file.seek(0, 2)
    file.seek(max(0, size - _TAIL_BYTES))
    return file.read()


def _write_office(file: IO[bytes], limits: Limits, writing: Writing) -> str:
    from stack.services.parsing.package import Package

    package = Package(file, limits)
    part = package.main_part()
    if part.startswith("word/"):
        from stack.services.parsing.docx import write_docx

        write_docx(package, part, writing)
        return "docx"
    if part.startswith("ppt/"):
        from stack.services.parsing.pptx import write_pptx

        write_pptx(package, part, limits, writing)
        return "pptx"
    if part.startswith("xl/"):
        from stack.services.parsing.xlsx import write_xlsx

        write_xlsx(package, part, writing)
        return "xlsx"
    raise unsupported("the file is an Office document of a kind that is not read: send docx, pptx or xlsx")


def _write_plain(format: str, file: IO[bytes], media_type: str | None, limits: Limits, writing: Writing) -> None:
    from stack.services.parsing.plain import write_json, write_markdown, write_text

    data = file.read(limits.plain_bytes + 1)
    if len(data) > limits.plain_bytes:
        raise invalid(f"the file is larger than {limits.plain_bytes // MIB} MiB: split it into smaller files")
    text = decode(data, media_type, is_html=format == "html")
    if format == "html":
        from stack.services.parsing.html_text import write_html

        write_html(text, writing)
    else:
        {"markdown": write_markdown, "json": write_json, "text": write_text}[format](text, writing)
