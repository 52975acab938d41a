"""Where a text may be cut without breaking what a reader takes for one character.

The rules of Unicode Standard Annex 29 that matter for cutting: marks, joiners, flags, emoji modifiers, tags, Hangul and
conjuncts stay with what they belong to. https://www.unicode.org/reports/tr29/
"""

from __future__ import annotations

from unicodedata import category, combining

# A longer cluster is no text, and is cut: Stream-Safe Text Format allows 30 marks.
LONGEST = 64

_JOINER = "\u200d"
_VIRAMA = 9  # the canonical combining class of signs that join consonants
_FIRST_MARK = "\u0300"


def is_boundary(text: str, at: int, since: int) -> bool:
    """Whether `text` may be cut before the character `at`; `since` is the nearest cut before it."""
    if at >= len(text):
        return True
    after, before = text[at], text[at - 1]
    if after < _FIRST_MARK:
        return not (before == "\r" and after == "\n")
    if before < " ":
        return True
    if _extends(after) or before == _JOINER or (combining(before) == _VIRAMA and category(after) == "Lo"):
        return False
    if _is_regional(after) and _is_regional(before):
        return _regional_run(text, at, since) % 2 == 0
    return not _is_hangul_pair(before, after)


def boundary_before(text: str, at: int, since: int) -> int:
    """The last place in (`since`, `at`] where the text may be cut; `at` itself if there is none near."""
    for place in range(at, max(since, at - LONGEST), -1):
        if is_boundary(text, place, since):
            return place
    return at


def _extends(character: str) -> bool:
    return (
        category(character) in ("Mn", "Me", "Mc")
        or character in "\u0e33\u0eb3\u200c\u200d\uff9e\uff9f"  # Thai and Lao am, joiners, half-width voicing
        or "\U0001f3fb" <= character <= "\U0001f3ff"
        or "\U000e0020" <= character <= "\U000e007f"
    )


def _is_regional(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _regional_run(text: str, at: int, since: int) -> int:
    start = at
    while start > since and _is_regional(text[start - 1]):
        start -= 1
    return at - start


def _is_hangul_pair(before: str, after: str) -> bool:
    """Whether a jamo continues the syllable before it: leading, vowel and trailing letters in this order."""
    if "\u1160" <= after <= "\u11a7" or "\ud7b0" <= after <= "\ud7c6":
        return "\u1100" <= before <= "\u11a7" or _is_open_syllable(before)
    if "\u11a8" <= after <= "\u11ff" or "\ud7cb" <= after <= "\ud7fb":
        return "\u1160" <= before <= "\u11ff" or "\uac00" <= before <= "\ud7a3"
    return "\u1100" <= before <= "\u115f" and ("\u1100" <= after <= "\u115f" or "\uac00" <= after <= "\ud7a3")


def _is_open_syllable(character: str) -> bool:
    return "\uac00" <= character <= "\ud7a3" and (ord(character) - 0xAC00) % 28 == 0
