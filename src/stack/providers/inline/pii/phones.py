"""Phone numbers, international ones anywhere, national ones of the regions that are named."""

from __future__ import annotations

import re
from collections.abc import Sequence

_MORE = r"(?:[ ./-]{0,2}\(?\d\)?)"
INTERNATIONAL = rf"(?:\+|\b00)[1-9]{_MORE}{{6,14}}"
# As numbers are usually grouped: `(030) 1234567`, `020 7946 0958`, `202-555-0143`.
FORMED = (
    rf"\(\d{{2,5}}\){_MORE}{{5,11}}|\b0\d{{1,4}}[ ./-]\d{{1,5}}[ ./-]{_MORE}{{2,9}}"
    r"|\b(?:1[ .-])?[2-9]\d\d[ .-]\d{3}[ .-]\d{4}"
)
ANY = rf"\b\d{_MORE}{{6,13}}"
LONGEST = 58
CONTEXT = (
    r"phone|\btel\b|\bcall|mobile|\bcell|\bfax|whatsapp|\bsms\b|\btext (?:me|us|him|her)\b|\bring\b|dial|hotline"
    r"|telefon|t[eé]l[eé]phone|handy|mobil|tel[eé]fono|celular|m[oó]vil|numer telefonu|telefono|電話|电话|手机"
)
_DATE = re.compile(r"\d{1,4}([./-])\d{1,2}\1\d{1,4}(?!\1|\d)")


def phone(written: str, regions: Sequence[str]) -> int:
    """How much of what is written is a number that could have been given out, ending where a group of digits does."""
    if _DATE.match(written):
        return 0
    for end in _ends(written):
        if any(_valid(written[:end], region) for region in _regions(written, regions)):
            return end
    return 0


def _ends(written: str) -> list[int]:
    """Where groups of digits end, the last first: at most three, since a number has no more behind it by chance."""
    ends = [match.end() for match in re.finditer(r"\d+\)?", written)]
    return [end for end in reversed(ends) if sum(map(str.isdigit, written[:end])) >= 7][:3]


def _regions(written: str, regions: Sequence[str]) -> Sequence[str | None]:
    return (None,) if written.startswith("+") else regions


def _valid(written: str, region: str | None) -> bool:
    import phonenumbers

    given = "+" + written[2:] if written.startswith("00") else written
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(given, region))
    except phonenumbers.NumberParseException:
        return False
