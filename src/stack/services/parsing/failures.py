"""The two ways in which a file can be at fault."""

from __future__ import annotations

from stack.errors import ParseFailed


def unsupported(message: str) -> ParseFailed:
    """A file of a kind that is not read."""
    return ParseFailed(message, code="unsupported_file")


def invalid(message: str) -> ParseFailed:
    """A file of a known kind that cannot be read."""
    return ParseFailed(message, code="invalid_file")
