"""One event of a stream as shields see it: the texts in it, and the event again without what was masked."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from stack.apis.wire import event_data
from stack.errors import ShieldUnavailable
from stack.routing.shields.requests import holds_file, unreadable
from stack.routing.shields.texts import Mask, Segment, encoded, masked

Path = tuple[Any, ...]

_UNREAD = {"audio": "speech", "image_url": "an image", "token_ids": "token ids"}
_MARK = re.compile(r"<[|/]?\w{1,40}\|?>")  # a token that ends a turn, and is no text of it
_KEEP_ALIVE = b": keep-alive\n\n"
_RUNNING = frozenset({("delta",), ("message",), ("text",)})  # what goes on from event to event
# What tells of an answer without being said in it.
PLAIN = frozenset(
    {"created", "finish_reason", "id", "index", "logprobs", "model", "moderation", "object", "obfuscation", "role"}
    | {"service_tier", "system_fingerprint", "type", "usage"}
)


class Text(NamedTuple):
    """A text of an event: a path that is the same in all events, and where it stands."""

    path: Path
    running: bool
    holder: Any
    key: str | int
    value: str


@dataclass(slots=True)
class Channel:
    """One text of a stream. All places count characters from its start.

    text: its end, from `base` on; checked: up to where it was handed to shields; judged: up to where it may leave;
    seen: how many characters of the whole stream there were when it last grew; ended: nothing more is expected.
    """

    text: str = ""
    base: int = 0
    checked: int = 0
    judged: int = 0
    seen: int = 0
    ended: bool = False
    masks: list[Mask] = field(default_factory=list)

    @property
    def end(self) -> int:
        return self.base + len(self.text)

    def forget(self, context: int, first_held: int) -> None:
        """Keep `context` characters of what was judged, and the masks of what is held or touches it."""
        if (cut := self.judged - context - self.base) > 0:
            self.text, self.base = self.text[cut:], self.base + cut
        if self.masks:
            self.masks = [mask for mask in self.masks if mask.end >= min(first_held, self.judged)]


class Piece(NamedTuple):
    """What an event adds to a channel: `holder[key]`, and its place there."""

    channel: Channel
    start: int
    end: int
    holder: Any
    key: str | int


@dataclass(slots=True)
class Event:
    """One event as it came, what it says, and the texts in it. ended: the choices that it ends."""

    raw: bytes
    document: dict[str, Any] | None = None
    texts: list[Text] = field(default_factory=list)
    pieces: list[Piece] = field(default_factory=list)
    ended: frozenset[Path] = frozenset()
    is_last: bool = False

    @property
    def may_leave(self) -> bool:
        return all(piece.end <= piece.channel.judged for piece in self.pieces)

    def released(self) -> bytes:
        """The event: its own bytes, unless something in it is masked."""
        changed = False
        for piece in self.pieces:
            masks = [mask for mask in piece.channel.masks if mask.start < piece.end and mask.end > piece.start]
            if masks:
                [piece.holder[piece.key]] = masked([Segment(piece.start, piece.holder[piece.key])], masks)
                changed = True
        if not changed or self.document is None:
            return self.raw
        without_logprobs(self.document)
        return b"data: " + encoded(self.document) + b"\n\n"


def without_logprobs(document: dict[str, Any]) -> None:
    """Take away what would spell masked text out."""
    for choice in document.get("choices") or ():
        if isinstance(choice, dict) and choice.get("logprobs") is not None:
            choice["logprobs"] = None


def read_event(raw: bytes) -> Event:
    """Raises: ShieldUnavailable for what is no JSON object; InvalidRequest for an image, a file or speech."""
    data = next(event_data(raw), None)
    if data is None:
        return Event(_KEEP_ALIVE)  # a comment could say anything
    if data == b"[DONE]":
        return Event(raw, is_last=True)
    try:
        document = json.loads(data)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise ShieldUnavailable("the answer has a part that is no JSON object, which no shield can read")
    choices = [choice for choice in document.get("choices") or () if isinstance(choice, dict)]
    ended = {("choices", _step(0, choice)) for choice in choices if choice.get("finish_reason") is not None}
    return Event(raw, document, [*texts_of(document), *_tokens(choices)], ended=frozenset(ended))


def texts_of(value: Any, path: Path = ()) -> Iterator[Text]:
    """Every text of an answer or a part of one."""
    named = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in named:
        if key in PLAIN or inner is None or inner == "":
            continue
        at = (*path, _step(key, inner))
        if isinstance(inner, str) and key != "image_url":
            if holds_file(inner):
                raise unreadable("choices", "an image or a file")
            yield Text(at, path[:1] == ("choices",) and at[2:3] in _RUNNING, value, key, inner)
        elif key in _UNREAD and inner:
            raise unreadable("choices", _UNREAD[key])
        elif isinstance(inner, dict | list):
            yield from texts_of(inner, at)


def _tokens(choices: Sequence[dict[str, Any]]) -> Iterator[Text]:
    """The tokens of `logprobs`, which spell a text once more, and before it where a server holds it back for `stop`."""
    for place, choice in enumerate(choices):
        logprobs = choice.get("logprobs")
        for name, tokens in logprobs.items() if isinstance(logprobs, dict) else ():
            path = ("choices", _step(place, choice), "logprobs", name)
            for at, token in enumerate(tokens if isinstance(tokens, list) else ()):
                holder, key = (token, "token") if isinstance(token, dict) else (tokens, at)
                text = token.get("token") if isinstance(token, dict) else token
                if not isinstance(text, str) or not text or _MARK.fullmatch(text):
                    continue
                if text.startswith("token_id:"):
                    raise unreadable("choices", "token ids")
                yield Text(path, True, holder, key, text)


def _step(key: str | int, value: Any) -> str | int:
    """Items of lists say themselves which they are: an event holds only some of them."""
    index = value.get("index") if isinstance(key, int) and isinstance(value, dict) else None
    return index if isinstance(index, int) else key
