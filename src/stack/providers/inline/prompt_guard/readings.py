"""The ways to read a text that hides what it says: other letters, odd spacing, digits for letters, encodings, once."""

from __future__ import annotations

import base64
import codecs
import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass

# Letters that look like Latin ones. Source: https://www.unicode.org/Public/security/latest/confusables.txt
_ALIKE = dict(
    zip(
        "аесорхуіѕјԁһӏкмтвнАВСЕНІЈКМОРЅТХΑΒΕΗΙΚΜΝΟΡΤΧΥαειονρτυχ",
        "aecopxyisjdhlkmtbnabcehijkmopstxabehikmnoptxyaeiovptux",
        strict=True,
    )
)
_LEET = str.maketrans("013457@$!|", "oieastasil")
_APART = re.compile(r"(?:(?<=\s)|^)\w(?:[ ._*/-]\w){2,}(?!\w)")
_BASE64 = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{20,}+={0,2}")
_HEX = re.compile(r"(?<![0-9A-Fa-f])[0-9A-Fa-f]{2}(?:[ :]?[0-9A-Fa-f]{2}){11,}+")
_TAGS = re.compile("[\U000e0020-\U000e007e]{4,}+")
_WORDS = re.compile(r"[A-Za-z][ ,.!]{1,3}[A-Za-z]{2}")

Place = Callable[[int, int], tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading. text: small letters; place: which characters of the original a part of it stands for."""

    name: str
    text: str
    place: Place


def readings(text: str) -> Iterator[Reading]:
    """The plain reading first, then those that differ from it."""
    plain, origins = _plain(text)

    def place(start: int, end: int) -> tuple[int, int]:
        return (start, end) if origins is None else (origins[start], origins[end - 1] + 1)

    yield Reading("plain", plain, place)
    if origins is not None and len(text.lower()) == len(text):
        # Of look-alike letters some are what they look like: those of Russian and Greek.
        yield Reading("plain", text.lower(), lambda start, end: (start, end))
    leet = plain.translate(_LEET)
    if leet != plain:
        yield Reading("leetspeak", leet, place)
    if _APART.search(plain):
        yield _joined(plain, place)
    yield Reading("rot13", codecs.encode(plain, "rot13"), place)
    yield from _decoded(text)


def _plain(text: str) -> tuple[str, list[int] | None]:
    """Small Latin letters for those that look or count like them; what cannot be seen is left out."""
    if text.isascii():
        return text.lower(), None
    kept: list[str] = []
    origins: list[int] = []
    for place, char in enumerate(text):
        for plain in _FORMS[char]:
            kept.append(plain)
            origins.append(place)
    return "".join(kept), origins


class _Forms(dict[str, str]):
    """What each character becomes, found out when it is first met."""

    def __missing__(self, char: str) -> str:
        if unicodedata.category(char) in ("Cf", "Mn", "Me"):
            form = ""
        elif char in _ALIKE:
            form = _ALIKE[char]
        else:
            split = unicodedata.normalize("NFKD", char).lower()
            bare = "".join(each for each in split if not unicodedata.combining(each))
            # Elsewhere marks make letters of their own, as in Japanese and Russian.
            form = bare if bare.isascii() else unicodedata.normalize("NFKC", char).lower()
        self[char] = form
        return form


_FORMS = _Forms()


def _joined(plain: str, place: Place) -> Reading:
    """Letters that stand apart (`i g n o r e`), put together."""
    origins: list[int] = []
    last = 0
    for found in _APART.finditer(plain):
        origins += range(last, found.start())
        origins += range(found.start(), found.end(), 2)
        last = found.end()
    origins += range(last, len(plain))
    return Reading(
        "spaced", "".join(plain[at] for at in origins), lambda start, end: place(origins[start], origins[end - 1] + 1)
    )


def _decoded(text: str) -> Iterator[Reading]:
    """What encoded parts say, where that is words."""
    for name, pattern, decode in (
        ("base64", _BASE64, _from_base64),
        ("hex", _HEX, _from_hex),
        ("tags", _TAGS, _from_tags),
    ):
        for found in pattern.finditer(text):
            said = decode(found[0])
            if said and _WORDS.search(said):
                span = found.span()
                yield Reading(name, said.lower(), lambda start, end, span=span: span)  # type: ignore[misc]  # of a default


def _from_base64(part: str) -> str:
    bare = part.rstrip("=").replace("-", "+").replace("_", "/")
    # One that was cut, or touches a letter that is no part of it, may begin and end anywhere.
    return next(filter(None, (_from_aligned(bare[skip:]) for skip in range(4))), "")


def _from_aligned(bare: str) -> str:
    whole = bare[: len(bare) - (len(bare) % 4 == 1)]
    data = base64.b64decode(whole + "=" * (-len(whole) % 4))
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        return data[: error.start].decode() if len(data) - error.start < 4 else ""


def _from_hex(part: str) -> str:
    try:
        return bytes.fromhex(re.sub("[ :]", "", part)).decode()
    except ValueError:
        return ""


def _from_tags(part: str) -> str:
    """Letters of the block of tags, which no font shows. Source: Unicode 16.0, section 23.9."""
    return "".join(chr(ord(char) - 0xE0000) for char in part)
