"""Text as patterns look at it: a byte per character, disguises taken off, with the way back to the original places."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

_LETTER, _OTHER = "z", "\x80"  # what stands for a character that has no ASCII form
_INVISIBLE = frozenset({"Cf", "Mn", "Me"})  # zero-width, soft hyphens, marks on the character before


@dataclass(frozen=True, slots=True)
class Folded:
    """A text made plain. data: Latin-1, one byte for each character kept; origins: the place of each, None: its own."""

    text: str
    data: bytes
    origins: list[int] | None

    def around(self, start: int, end: int, before: int, after: int) -> tuple[str, str]:
        """What stands in the text itself before and after what bytes stand for."""
        first, last = self.place(start, end)
        return self.text[max(0, first - before) : first], self.text[last : last + after]

    def place(self, start: int, end: int) -> tuple[int, int]:
        """The characters of the text that bytes stand for."""
        if self.origins is None:
            return start, end
        return self.origins[start], self.origins[end - 1] + 1


def fold(text: str) -> Folded:
    """Digits, letters, blanks and dashes of any width or style become ASCII; what cannot be seen is left out.

    Letters of other alphabets stay letters where they have a case, since they then stand in words between blanks;
    the others part what is beside them, as in Chinese.
    """
    if text.isascii():
        return Folded(text, text.encode(), None)
    plain = text.translate(_FOLDS)
    if len(plain) == len(text):
        return Folded(text, plain.encode("latin-1"), None)
    origins = [place for place, char in enumerate(text) if _FOLDS[ord(char)]]
    return Folded(text, plain.encode("latin-1"), origins)


class _Folds(dict[int, str]):
    """What each character becomes, found out when it is first met."""

    def __missing__(self, code: int) -> str:
        self[code] = folded = chr(code) if code < 128 else _folded(chr(code))
        return folded


def _folded(char: str) -> str:
    category = unicodedata.category(char)
    if category in _INVISIBLE:
        return ""
    if category == "Nd":
        return str(unicodedata.decimal(char))
    if category[0] == "Z":
        return " "
    if category == "Pd" or char == "\u2212":
        return "-"
    plain = unicodedata.normalize("NFKD", char)
    if plain[0].isascii() and (len(plain) == 1 or category[0] == "L"):
        return plain[0]
    return _LETTER if category in ("Lu", "Ll", "Lt") else _OTHER


_FOLDS = _Folds()
