"""Files to plain text with the places of its parts: `await parse(path, filename, media_type)`."""

from stack.services.parsing.document import Citation, Kind, ParsedDocument, Span
from stack.services.parsing.limits import Limits
from stack.services.parsing.process import parse

__all__ = ["Citation", "Kind", "Limits", "ParsedDocument", "Span", "parse"]
