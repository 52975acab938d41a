"""PDF to text, page by page. Pictures are not read."""

from __future__ import annotations

from typing import IO

from stack.services.parsing.failures import invalid
from stack.services.parsing.limits import Limits
from stack.services.parsing.writing import Writing


def write_pdf(file: IO[bytes], limits: Limits, writing: Writing) -> None:
    """Write each page as a part of its own. A PDF that opens without a password is read, whatever it forbids."""
    from pypdf import PdfReader
    from pypdf.errors import DependencyError, FileNotDecryptedError, LimitReachedError, PdfReadError

    try:
        reader = PdfReader(file)
        if reader.is_encrypted and not reader.decrypt(""):
            raise _encrypted()
        count = len(reader.pages)
        if count > limits.pages:
            raise invalid(f"the PDF has {count} pages, and {limits.pages} are read: split it")
        for number, page in enumerate(reader.pages, start=1):
            writing.gap()
            writing.begin("page", f"page {number}")
            writing.add(page.extract_text().strip())
    except (DependencyError, FileNotDecryptedError) as error:
        raise _encrypted() from error
    except LimitReachedError as error:
        raise invalid(
            "the PDF unpacks to more than is read: split it, or save its pages with smaller pictures"
        ) from error
    except PdfReadError as error:
        raise invalid("the PDF is broken: open it and save it again") from error


def _encrypted() -> Exception:
    return invalid("the PDF is encrypted: save it without a password")
