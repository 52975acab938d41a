"""Regular expressions of JSON Schema (ECMA-262, without look-around and back-references): match a text, make a text.

A pattern comes from the caller, and `re` can be made to hang by one, holding the interpreter lock. Here a pattern moves
a set of positions over the text, and its steps are counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

MAX_LENGTH = 10_000
_MAX_STEPS = 300_000
_MAX_DEPTH = 40
_MAX_PATTERN = 2_000
_LAST = 0x10FFFF
_READABLE = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 -_.,:;/@#+*!?%&=~'\"()[]{}<>|$^\\`"

Ranges = tuple[tuple[int, int], ...]


class UnsupportedPattern(Exception):
    """A pattern that this module does not read, or that takes too many steps."""


@dataclass(frozen=True, slots=True)
class Chars:
    """One character of these ranges, both ends included."""

    ranges: Ranges

    def holds(self, code: int) -> bool:
        return any(low <= code <= high for low, high in self.ranges)


@dataclass(frozen=True, slots=True)
class Sequence:
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    options: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """`low` to `high` times; None is without end."""

    item: Node
    low: int
    high: int | None


@dataclass(frozen=True, slots=True)
class Anchor:
    """`^`, `$`, `b` (word boundary) or `B`."""

    kind: str


Node = Chars | Sequence | Choice | Repeat | Anchor


def _complement(ranges: Ranges) -> Ranges:
    result, start = [], 0
    for low, high in sorted(ranges):
        if low > start:
            result.append((start, low - 1))
        start = max(start, high + 1)
    return (*result, (start, _LAST)) if start <= _LAST else tuple(result)


_DIGIT: Ranges = ((48, 57),)
_WORD: Ranges = ((48, 57), (65, 90), (95, 95), (97, 122))
_SPACE: Ranges = ((9, 13), (32, 32), (0xA0, 0xA0), (0x2028, 0x2029), (0xFEFF, 0xFEFF))
_CLASSES = {"d": _DIGIT, "w": _WORD, "s": _SPACE} | {
    name.upper(): _complement(ranges) for name, ranges in (("d", _DIGIT), ("w", _WORD), ("s", _SPACE))
}
_CONTROLS = {"n": 10, "r": 13, "t": 9, "f": 12, "v": 11, "0": 0}
_DOT = Chars(_complement(((10, 10), (13, 13), (0x2028, 0x2029))))


class _Parser:
    """Recursive descent over one pattern."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0
        self.depth = 0

    def parse(self) -> Node:
        node = self._choice()
        if self.at < len(self.pattern):
            raise UnsupportedPattern("unbalanced `)`")
        return node

    def _peek(self) -> str:
        return self.pattern[self.at : self.at + 1]

    def _take(self, text: str) -> bool:
        found = self.pattern.startswith(text, self.at)
        self.at += len(text) if found else 0
        return found

    def _next(self) -> str:
        if not (char := self._peek()):
            raise UnsupportedPattern("it ends too early")
        self.at += 1
        return char

    def _choice(self) -> Node:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise UnsupportedPattern("groups are nested too deep")
        options = [self._sequence()]
        while self._take("|"):
            options.append(self._sequence())
        self.depth -= 1
        return options[0] if len(options) == 1 else Choice(tuple(options))

    def _sequence(self) -> Node:
        items: list[Node] = []
        while self._peek() not in ("", "|", ")"):
            items.append(self._quantified(self._atom()))
        return items[0] if len(items) == 1 else Sequence(tuple(items))

    def _atom(self) -> Node:
        char = self._next()
        if char == "(":
            return self._group()
        if char == "[":
            return self._class()
        if char in "^$":
            return Anchor(char)
        if char == ".":
            return _DOT
        if char == "\\":
            if self._peek() in ("b", "B"):
                return Anchor(self._next())
            return Chars(self._escape())
        if char in "*+?":
            raise UnsupportedPattern(f"nothing to repeat before `{char}`")
        return _char(char)

    def _group(self) -> Node:
        if self._take("?") and not self._take(":"):
            if not self._take("<") or self._peek() in ("=", "!", ""):
                raise UnsupportedPattern("look-around is not supported")
            while self._next() != ">":
                pass
        node = self._choice()
        if not self._take(")"):
            raise UnsupportedPattern("unbalanced `(`")
        return node

    def _class(self) -> Node:
        negated = self._take("^")
        ranges: list[tuple[int, int]] = []
        while not self._take("]"):
            low = self._class_item()
            if self._peek() == "-" and self.pattern[self.at + 1 : self.at + 2] not in ("]", "") and len(low) == 1:
                self.at += 1
                low = ((low[0][0], self._class_item()[-1][1]),)
            ranges.extend(low)
        return Chars(_complement(tuple(ranges)) if negated else tuple(ranges))

    def _class_item(self) -> Ranges:
        char = self._next()
        if char == "\\":
            return ((8, 8),) if self._take("b") else self._escape()
        return _char(char).ranges

    def _escape(self) -> Ranges:
        char = self._next()
        if char in _CLASSES:
            return _CLASSES[char]
        if char in _CONTROLS:
            return ((_CONTROLS[char], _CONTROLS[char]),)
        if char in "xu":
            digits = self.pattern[self.at : self.at + (2 if char == "x" else 4)]
            self.at += len(digits)
            try:
                return _char(chr(int(digits, 16))).ranges
            except ValueError:
                raise UnsupportedPattern(f"`\\{char}` without its hexadecimal digits") from None
        if char.isalnum():
            raise UnsupportedPattern(f"`\\{char}` is not supported")
        return _char(char).ranges

    def _quantified(self, atom: Node) -> Node:
        bounds: tuple[int, int | None] | None = None
        if self._take("*"):
            bounds = (0, None)
        elif self._take("+"):
            bounds = (1, None)
        elif self._take("?"):
            bounds = (0, 1)
        elif self._peek() == "{":
            bounds = self._counts()
        if bounds is None:
            return atom
        self._take("?")
        return Repeat(atom, *bounds)

    def _counts(self) -> tuple[int, int | None]:
        end = self.pattern.find("}", self.at)
        low, comma, high = self.pattern[self.at + 1 : end].partition(",")
        if end < 0 or not low.isdecimal() or (high and not high.isdecimal()) or len(low + high) > 12:
            raise UnsupportedPattern("a repetition count cannot be read")
        self.at = end + 1
        return int(low), (int(high) if high else None) if comma else int(low)


def _char(char: str) -> Chars:
    return Chars(((ord(char), ord(char)),))


@lru_cache(maxsize=64)
def parse(pattern: str) -> Node:
    """The parsed form of a pattern. Raises UnsupportedPattern."""
    if len(pattern) > _MAX_PATTERN:
        raise UnsupportedPattern(f"it is longer than {_MAX_PATTERN} characters")
    return _Parser(pattern).parse()


class Matcher:
    """Moves sets of positions over one text, and counts the steps."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.steps = 0

    def finds(self, pattern: str) -> bool:
        """Whether the pattern occurs anywhere in the text. Raises UnsupportedPattern."""
        return bool(self._ends(parse(pattern), set(range(len(self.text) + 1))))

    def _ends(self, node: Node, starts: set[int]) -> set[int]:
        """The positions where `node` can end, begun at any of `starts`."""
        self.steps += len(starts) + 1
        if self.steps > _MAX_STEPS:
            raise UnsupportedPattern("it takes too many steps")
        if isinstance(node, Chars):
            text, size = self.text, len(self.text)
            return {at + 1 for at in starts if at < size and node.holds(ord(text[at]))}
        if isinstance(node, Sequence):
            for item in node.items:
                starts = self._ends(item, starts)
            return starts
        if isinstance(node, Choice):
            return set().union(*(self._ends(option, starts) for option in node.options))
        if isinstance(node, Repeat):
            return self._repeated(node, starts)
        return {at for at in starts if self._stands(node.kind, at)}

    def _repeated(self, node: Repeat, starts: set[int]) -> set[int]:
        for _ in range(node.low):
            following = self._ends(node.item, starts)
            if following == starts or not following:
                starts = following
                break
            starts = following
        reached = frontier = starts
        count = node.low
        while frontier and (node.high is None or count < node.high):
            frontier = self._ends(node.item, frontier) - reached
            reached = reached | frontier
            count += 1
        return reached

    def _stands(self, kind: str, at: int) -> bool:
        if kind == "^":
            return at == 0
        if kind == "$":
            return at == len(self.text)
        word = Chars(_WORD)
        before = at > 0 and word.holds(ord(self.text[at - 1]))
        after = at < len(self.text) and word.holds(ord(self.text[at]))
        return (before != after) == (kind == "b")


def sample(pattern: str, extra: int = 0, variant: int = 0) -> str:
    """A text that follows the pattern; the caller checks it, since anchors inside may forbid it.

    extra: how much oftener than needed to repeat; variant: which of the equal choices to take.
    Raises UnsupportedPattern.
    """
    return _sample(parse(pattern), extra, variant)


def _sample(node: Node, extra: int, variant: int) -> str:
    if isinstance(node, Chars):
        return _pick(node, variant)
    if isinstance(node, Sequence):
        text = "".join(_sample(item, extra, variant) for item in node.items)
    elif isinstance(node, Choice):
        text = _sample(node.options[variant % len(node.options)], extra, variant)
    elif isinstance(node, Repeat):
        count = node.low + extra if node.high is None else min(node.low + extra, node.high)
        piece = _sample(node.item, extra if node.high == 1 else 0, variant) if count else ""
        if count * len(piece) > MAX_LENGTH:
            raise UnsupportedPattern("its texts are too long")
        text = piece * count
    else:
        text = ""
    if len(text) > MAX_LENGTH:
        raise UnsupportedPattern("its texts are too long")
    return text


def _pick(chars: Chars, variant: int) -> str:
    known = [char for char in _READABLE if chars.holds(ord(char))]
    if known:
        return known[variant % len(known)]
    if not chars.ranges:
        raise UnsupportedPattern("an empty class matches nothing")
    low, high = chars.ranges[0]
    code = low + variant % (high - low + 1)
    if 0xD800 <= code <= 0xDFFF:
        raise UnsupportedPattern("half a surrogate pair is not a character")
    return chr(code)
