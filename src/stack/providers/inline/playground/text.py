"""Text as the playground sees it: terms to compare, sentences to quote, tokens to count."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache

# Longer runs of letters are cut, which bounds what the caches below hold.
_WORD = re.compile(r"[^\W_]{1,64}(?:['’][^\W_]{1,16})?")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|_+|-+")
# A sentence ends at its sign and a space, but for initials and abbreviations; at an ideographic stop; at a line end,
# whose spaces are trimmed later: an expression that looks for them takes the square of their number.
_SENTENCE_END = re.compile(
    r"(?<=[.!?…])(?<!\b[A-Z]\.)(?<!\n\d\.)(?<!\b(?:Mr|Dr|St|vs|No)\.)(?<!\b(?:Mrs|etc|e\.g|i\.e)\.)\s+|(?<=[。！？])|\n"
)
_BULLET = re.compile(r"^(?:[-*•#>]+|\d+[.)])\s+")
_TOKEN = re.compile(r"\s*[^\W\u2e80-\U0010ffff]{1,6}|\s*\S|\s+")


def fold(text: str) -> str:
    """Text with case, width and ligatures made alike."""
    return unicodedata.normalize("NFKC", text).casefold()


def words(text: str) -> list[str]:
    """The words of a text, folded, in order."""
    return _WORD.findall(fold(text))


_SUFFIXES = words(
    "ations ation ating ated ates ate ments ment ness ings ing ions ion edly ies ied ers ed er es ly e s y"
)
_STOP_WORDS = frozenset(
    words(
        "a about all also am an and any are as at be been but by can could did do does for from had has have he her "
        "his how i if in into is it its just may me more my no not of on or our out please say she should so some "
        "tell than that the their them then there these they this those to too up us use was we were what what's "
        "whats when where which who whom whose why will with would you your give explain describe know want need make "
        "let answer question context according many much else hello hi hey thanks thank"
    )
)


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """A lower-case word without its inflection: `cities` and `city` are both `cit`. Coarse on purpose."""
    for suffix in _SUFFIXES:
        if len(word) - len(suffix) >= 3 and word.endswith(suffix):
            return word[: -len(suffix)]
    return word


@lru_cache(maxsize=65536)
def _word_terms(word: str) -> tuple[str, ...]:
    """The terms of one word; scripts that write no spaces are taken in pairs of signs."""
    if word > "\u2e80":
        return tuple(word[i : i + 2] for i in range(max(1, len(word) - 1)))
    if word in _STOP_WORDS or (len(word) == 1 and not word.isdigit()):
        return ()
    return (stem(word.removesuffix("'s").removesuffix("’s")),)


def terms(text: str) -> list[str]:
    """What a text is about: stems of its words, without the words that every text has."""
    return [term for word in words(text) for term in _word_terms(word)]


def name_terms(identifier: str) -> list[str]:
    """The terms of an identifier: `getWeather` and `get_weather` alike."""
    return terms(_CAMEL.sub(" ", identifier))


def sentences(text: str) -> list[str]:
    """The sentences and lines of a text, trimmed, without list and heading marks."""
    parts = (_BULLET.sub("", part.strip()) for part in _SENTENCE_END.split(text))
    return [part for part in parts if part]


def tokens(text: str) -> list[str]:
    """The text cut into tokens that join to it again: up to six letters or one sign, with the space before;
    an ideograph is a sign.

    An estimate: close to four bytes of English a token, as common vocabularies have it.
    """
    return _TOKEN.findall(text)


def token_count(text: str) -> int:
    """How many tokens `tokens` would give."""
    return sum(1 for _ in _TOKEN.finditer(text))


def first_tokens(text: str, limit: int) -> str:
    """The text up to its `limit`-th token."""
    end = 0
    for _, match in zip(range(limit), _TOKEN.finditer(text), strict=False):
        end = match.end()
    return text[:end]


def before_stop(text: str, stops: Sequence[str]) -> str:
    """The text before the first of the stop sequences."""
    found = [at for stop in stops if (at := text.find(stop)) >= 0]
    return text[: min(found)] if found else text


def shorten(text: str, limit: int) -> str:
    """One line of at most `limit` characters, cut between words."""
    line = " ".join(text.split())
    if len(line) <= limit:
        return line
    cut = line[: limit - 1]
    return (cut.rsplit(" ", 1)[0] or cut) + "…"


def distinct(values: Iterator[str] | Sequence[str]) -> list[str]:
    """The values without repetitions, in order."""
    return list(dict.fromkeys(values))
