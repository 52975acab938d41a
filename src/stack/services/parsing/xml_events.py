"""XML as a stream of events: no tree is built, and a document that declares entities is refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import IO, Literal
from xml.parsers import expat

from stack.services.parsing.failures import invalid

_BLOCK_BYTES = 64 * 1024
_DEEPEST = 256  # elements in each other

Attributes = Mapping[str, str]
Event = tuple[Literal["start", "end", "text"], str, Attributes]
"""What happens, the element's name without its prefix or the text, and the attributes with theirs."""

_NONE: Attributes = {}


def read_events(file: IO[bytes]) -> Iterator[Event]:
    """The events of `file` in order. Raises ParseFailed if it is broken, declares a type, or nests too deep."""
    collector = _Collector()
    try:
        while block := file.read(_BLOCK_BYTES):
            collector.parser.Parse(block, False)
            yield from collector.taken()
        collector.parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise invalid("the file holds broken XML: open it and save it again") from error
    yield from collector.taken()


def attribute(attributes: Attributes, name: str) -> str:
    """The attribute of that local name; empty if there is none."""
    if name in attributes:
        return attributes[name]
    return next((value for key, value in attributes.items() if key.rpartition(":")[2] == name), "")


def relation_id(attributes: Attributes) -> str:
    """The id of a relationship, which always has a prefix: `id` alone is something else."""
    return next((value for key, value in attributes.items() if key.endswith(":id")), "")


class _Collector:
    def __init__(self) -> None:
        self._events: list[Event] = []
        self._depth = 0
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        # Office files must not declare a type (ECMA-376 part 2), and only there can entities that grow be declared.
        self.parser.StartDoctypeDeclHandler = self._refuse

    def taken(self) -> list[Event]:
        events, self._events = self._events, []
        return events

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise invalid(f"the file nests XML deeper than {_DEEPEST} levels: open it and save it again")
        self._events.append(("start", name.rpartition(":")[2], attributes))

    def _end(self, name: str) -> None:
        self._depth -= 1
        self._events.append(("end", name.rpartition(":")[2], _NONE))

    def _text(self, data: str) -> None:
        self._events.append(("text", data, _NONE))

    def _refuse(self, *declared: object) -> None:
        raise invalid("the file declares an XML document type, which Office files must not: save it again")


def skipping(events: Iterator[Event], elements: frozenset[str]) -> Iterator[Event]:
    """The events outside of these elements."""
    depth = 0
    for event in events:
        if event[0] != "text" and (depth or event[1] in elements):
            depth += 1 if event[0] == "start" else -1
        elif not depth:
            yield event
