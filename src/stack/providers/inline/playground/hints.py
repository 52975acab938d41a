"""Values that a text offers for the fields of a tool call or a JSON answer: numbers, dates, names, quotations.

Nothing here understands the text: a value is taken for its shape and for the words next to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TypeVar

from stack.providers.inline.playground.formats import conforms
from stack.providers.inline.playground.text import distinct, name_terms, sentences, shorten, words

_T = TypeVar("_T", str, float)

# Values stand near the question; a longer text is not searched.
_SEARCHED = 4_000
_WHOLE_TEXT = frozenset(
    words(
        "body content expression input message note prompt q query question request search sentence task term text "
        "topic"
    )
)
_ANSWERS = frozenset(words("answer conclusion explanation output reply response result summary"))
_NUMBER = re.compile(r"(?<![\w.,-])-?\d{1,15}(?:,\d{3})*(?:\.\d{1,10})?(?![\w-]|\.\d)")
_QUOTED = re.compile(r"[\"“«]([^\"”»\n]{1,200})[\"”»]|(?<!\w)'([^'\n]{1,200})'(?!\w)")
_NAME = re.compile(r"\b[A-Z][\w'-]{0,40}(?: (?:of |de |la |the )?[A-Z][\w'-]{0,40}){0,4}")
_ABOUT_A_NAME = re.compile(r",| (?:is|was|has|will)\b| (?:and|or) [A-Z]")
_AFTER_PREPOSITION = re.compile(
    r"\b(?:in|at|for|from|to|near|about|on|of|by) (?:the |a |an )?([\w'-]{2,40})", re.IGNORECASE
)
_FORMATS = {
    "date": "date",
    "day": "date",
    "email": "email",
    "mail": "email",
    "url": "uri",
    "link": "uri",
    "website": "uri",
}
_PREPOSITIONS = frozenset(words("at by for from in to"))
_MONTHS = words("january february march april may june july august september october november december")
_DAY_MONTH_YEAR = re.compile(r"\b(\d{1,2})(?:st|nd|rd|th)? (?:of )?([A-Za-z]{3,9}),? (\d{4})\b")
_MONTH_DAY_YEAR = re.compile(r"\b([A-Za-z]{3,9}) (\d{1,2})(?:st|nd|rd|th)?,? (\d{4})\b")
_NOT_NAMES = frozenset(words("i i'm i'd i'll i've ok"))


class Hints:
    """The values of one text, those not used yet first. answer: what a field that wants an answer should hold."""

    def __init__(self, text: str, answer: str = "") -> None:
        self.text = text.strip()
        self._answer = answer
        self._searched = self.text[-_SEARCHED:]
        self._used: set[object] = set()
        self._numbers = [_as_number(match) for match in _NUMBER.findall(self._searched)]
        self._quoted = [first or second for first, second in _QUOTED.findall(self._searched)]
        self._names, self._openers = _names(self._searched)
        found = _AFTER_PREPOSITION.findall(self._searched)
        self._prepositional = [word for word in found if word.lower() not in _NOT_NAMES]
        self._words = [word.strip(".,;:!?()[]{}<>\"'") for word in self._searched.split()]
        self._dates = _dates(self._searched)
        self._in_order = words(self._searched)
        self._there = frozenset(self._in_order)

    def use(self, value: object) -> None:
        """Offer this value last from now on."""
        self._used.add((type(value), value))

    def stated(self, field: str) -> Iterator[str]:
        """What the text says the field is, unless used: `city: Rome`, `the city is Rome`, `to Rome` for `to`."""
        if not (name := _spaced(field)):
            return
        stated = re.compile(
            rf"\b{name}\b(?: is| are|:| =|=| named| called)\s*[\"']?([^\n,;.\"']{{1,100}})", re.IGNORECASE
        )
        for value in stated.findall(self._searched):
            value = re.split(r" (?:and|but|with|while) ", value)[0].strip()
            if value and not self._is_used(value):
                yield value
        if field in _PREPOSITIONS:
            yield from re.findall(rf"\b{field} ({_NAME.pattern}|[\w-]+)", self._searched)

    def strings(self, field: str) -> Iterator[str]:
        """What a free text field of this name could hold, likeliest first."""
        if self._answer and _ANSWERS & set(_name_words(field)):
            yield self._answer
        if self.text and _WHOLE_TEXT & set(_name_words(field)):
            yield self.text
        for name in _name_words(field):
            yield from self.formatted(_FORMATS[name]) if name in _FORMATS else ()
        yield from self._unused_first([*self._quoted, *self._names, *self._prepositional, *self._openers])
        if self.text:
            yield shorten(self.text, 200)

    def formatted(self, name: str) -> Iterator[str]:
        """Words of the text that have the named format."""
        found = (word for word in [*self._words, *self._dates] if conforms(name, word))
        yield from self._unused_first(distinct(found))

    def pieces(self) -> Iterator[str]:
        """Words and quotations that may happen to follow a pattern or to stand in an enumeration."""
        yield from self._unused_first(distinct([*self._quoted, *self._words, *self._names]))

    def stated_numbers(self, field: str) -> Iterator[float]:
        """Numbers that stand beside the field's name and are not used: `3 adults`, `limit of 5`."""
        if name := _spaced(field):
            beside = re.compile(
                rf"\b{name}\b\D{{0,12}}?(-?\d[\d,.]{{0,30}})|(-?\d[\d,.]{{0,30}}) {name}\b", re.IGNORECASE
            )
            for after, before in beside.findall(self._searched):
                digits = (after or before).rstrip(".,")
                if _NUMBER.fullmatch(digits) and not self._is_used(number := _as_number(digits)):
                    yield number

    def numbers(self) -> list[float]:
        """Numbers of the text, those not used yet first."""
        return list(self._unused_first(self._numbers))

    def mentions(self, value: str) -> bool:
        """Whether the text names a value, as words."""
        wanted, own = words(value), self._in_order
        if not wanted or not self._there.issuperset(wanted):
            return False
        return any(own[i : i + len(wanted)] == wanted for i in range(len(own) - len(wanted) + 1))

    def _unused_first(self, values: list[_T]) -> Iterator[_T]:
        yield from (value for value in values if not self._is_used(value))
        yield from (value for value in values if self._is_used(value))

    def _is_used(self, value: object) -> bool:
        return (type(value), value) in self._used


def _spaced(field: str) -> str:
    """A field name as it may stand in a text, as a pattern: `user_name` also finds `user name`."""
    return "[ _-]?".join(map(re.escape, _name_words(field)[:6]))


def _name_words(field: str) -> list[str]:
    """The words of a field name: `userName` and `user_name` alike."""
    return [word.lower() for word in re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+|[^\W_]+", field)]


def _as_number(digits: str) -> int | float:
    plain = digits.replace(",", "")
    return float(plain) if "." in plain else int(plain)


def _names(text: str) -> tuple[list[str], list[str]]:
    """Capitalised words that are names, and those that begin a sentence and may be none: `Generate`, `Add Rome`."""
    names: list[str] = []
    openers: list[str] = []
    for sentence in sentences(text):
        for match in _NAME.finditer(sentence):
            name = match.group()
            if match.start() or _ABOUT_A_NAME.match(sentence, match.end()):
                names.append(name)
            else:
                openers.append(name)
                names.append(name.partition(" ")[2])
    known = [name for name in distinct(names) if name.lower() not in _NOT_NAMES and name_terms(name)]
    return known, [opener for opener in distinct(openers) if name_terms(opener)]


def _dates(text: str) -> list[str]:
    written = [*_DAY_MONTH_YEAR.findall(text), *((d, m, y) for m, d, y in _MONTH_DAY_YEAR.findall(text))]
    months = ((day, _month(month), year) for day, month, year in written)
    return [f"{year}-{month:02}-{int(day):02}" for day, month, year in months if month]


def _month(name: str) -> int:
    return next((number for number, month in enumerate(_MONTHS, 1) if month.startswith(name.lower())), 0)
