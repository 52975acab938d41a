"""Text inside JSON: where it stands, as what a shield sees it, and how spans of it are replaced. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from stack.apis.safety import CheckedMessage, Finding


class Mask(NamedTuple):
    """Characters that shall not be seen, end exclusive, and what stands in their place."""

    start: int
    end: int
    text: str


class Segment(NamedTuple):
    """A piece of a text that was put together, and where in it the piece begins."""

    start: int
    text: str


@dataclass(slots=True)
class Slot:
    """A text of a JSON document: `holder[key]`."""

    holder: Any
    key: str | int
    text: str


@dataclass(slots=True)
class Passage:
    """What a shield sees as one message: texts of a document, each on a line of its own, and images."""

    role: str
    slots: list[Slot] = field(default_factory=list)
    images: list[str] = field(default_factory=list)

    def message(self) -> CheckedMessage:
        return CheckedMessage(self.role, "\n".join(slot.text for slot in self.slots), tuple(self.images))

    def mask(self, masks: Sequence[Mask]) -> None:
        """Replace spans of the message, in the document."""
        segments: list[Segment] = []
        at = 0
        for slot in self.slots:
            segments.append(Segment(at, slot.text))
            at += len(slot.text) + 1
        for slot, text in zip(self.slots, masked(segments, masks), strict=True):
            slot.holder[slot.key] = slot.text = text


def masks_of(findings: Iterable[Finding]) -> list[Mask]:
    """What to hide for findings of one text: in order, and those that overlap as one, under the first one's word."""
    placed = ((f.start, f.end, f.mask) for f in findings if f.start is not None and f.end is not None)
    return merged(Mask(*each) for each in placed)


def merged(masks: Iterable[Mask]) -> list[Mask]:
    """Masks in order, those that overlap as one."""
    found: list[Mask] = []
    for mask in sorted(masks):
        if found and mask.start < found[-1].end:
            found[-1] = found[-1]._replace(end=max(found[-1].end, mask.end))
        else:
            found.append(mask)
    return found


def masked(segments: Sequence[Segment], masks: Sequence[Mask]) -> list[str]:
    """The text of each segment without what masks cover; a mask's word stands where the first of it was.

    Both are in order, and masks do not overlap. One that begins before the first segment was told of already, and
    leaves no word.
    """
    texts: list[str] = []
    first = 0  # mask that is not behind us
    told = next((index for index, mask in enumerate(masks) if segments and mask.start >= segments[0].start), len(masks))
    for start, text in segments:
        end, at, kept = start + len(text), start, ""
        while first < len(masks) and masks[first].end <= start:
            first += 1
        for index in range(first, len(masks)):
            mask = masks[index]
            if mask.start >= end:
                break
            kept += text[at - start : max(at, mask.start) - start]
            if index >= told:
                told = index + 1
                kept += mask.text
            at = min(end, mask.end)
        texts.append(kept + text[at - start :])
    return texts


def encoded(document: Any) -> bytes:
    """A JSON document; half a character that stood in it by an escape is escaped again."""
    try:
        return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        return json.dumps(document, separators=(",", ":")).encode()
