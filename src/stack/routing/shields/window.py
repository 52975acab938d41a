"""A stream behind shields: text leaves when its window was checked, in the events that it came in.

Each running text of each choice (content, reasoning, the arguments of a tool call, ...) is a channel of its own. Events
leave in the order in which they came, so a channel that pauses must not hold the others up for ever: once a window of
other text has followed, what it has so far is judged as it stands. Any other text of an event is judged by itself.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace

from stack.apis.safety import CheckedMessage, Finding
from stack.apis.shields import ShieldTraits
from stack.apis.wire import split_events
from stack.routing.shields.checks import Checks, Outcome, refusal, together
from stack.routing.shields.events import Channel, Event, Path, Piece, Text, read_event
from stack.routing.shields.texts import Mask, masks_of, merged
from stack.routing.shields.trail import Verdict

REMEMBERED = 256  # texts of one stream that are judged only once


class Window:
    """The events of one stream, from their coming to their leaving.

    traits: of each shield, which tell how far they look. about: what was asked, for shields that want to know.
    verdicts: one per shield, filled as checks are made.
    """

    def __init__(
        self,
        checks: Checks,
        traits: Sequence[ShieldTraits],
        about: Sequence[CheckedMessage],
        verdicts: Sequence[Verdict],
    ) -> None:
        self._checks = checks
        self._about = about
        self._verdicts = verdicts
        self._events: deque[Event] = deque()
        self._running: dict[Path, Channel] = {}
        self._others: dict[tuple[Path, str], Channel] = {}  # often the same in every event
        self._open: dict[int, Channel] = {}  # those that have something to be judged
        self._total = 0
        self._window = max(each.window_chars for each in traits)
        self._stride = max(each.stride_chars for each in traits)

    async def push(self, block: bytes) -> bytes:
        """What may leave once a block of events has come. Raises: ContentBlocked, ShieldUnavailable, InvalidRequest."""
        for raw in split_events(block):
            self._append(raw)
        return await self._release(at_end=False)

    async def finish(self) -> bytes:
        """What is left when the stream has ended. Raises: as `push` does."""
        return await self._release(at_end=True)

    def _append(self, raw: bytes) -> None:
        event = read_event(raw)
        for text in event.texts:
            event.pieces.append(self._continue(text) if text.running else self._alone(text))
            self._total += len(text.value)
        if event.ended or event.is_last:
            for path, channel in self._running.items():
                channel.ended = channel.ended or event.is_last or path[:2] in event.ended
        self._events.append(event)

    def _continue(self, text: Text) -> Piece:
        """A piece of a running text."""
        channel = self._running.setdefault(text.path, Channel())
        piece = Piece(channel, channel.end, channel.end + len(text.value), text.holder, text.key)
        channel.text += text.value
        channel.seen, channel.ended = self._total + len(text.value), False
        self._open[id(channel)] = channel
        return piece

    def _alone(self, text: Text) -> Piece:
        """A text that stands for itself; one that was judged before is not judged again."""
        channel = self._others.get((text.path, text.value))
        if channel is None:
            channel = Channel(text.value, ended=True)
            if len(self._others) < REMEMBERED:
                self._others[text.path, text.value] = channel
            self._open[id(channel)] = channel
        return Piece(channel, 0, len(text.value), text.holder, text.key)

    async def _release(self, *, at_end: bool) -> bytes:
        due = [channel for channel in self._open.values() if self._is_due(channel, at_end)]
        if due:
            await together([self._judge(channel, at_end) for channel in due])
        leaving: list[bytes] = []
        while self._events and self._events[0].may_leave:
            leaving.append(self._events.popleft().released())
        for channel in due:
            if channel.judged == channel.end:
                del self._open[id(channel)]
        for channel in self._running.values() if due else ():
            channel.forget(2 * self._window, self._first_held(channel) if channel.masks else 0)
        return b"".join(leaving)

    def _first_held(self, channel: Channel) -> int:
        """Where the text of a channel begins that has not left yet."""
        held = (piece.start for event in self._events for piece in event.pieces if piece.channel is channel)
        return next(held, channel.judged)

    def _is_due(self, channel: Channel, at_end: bool) -> bool:
        if self._is_complete(channel, at_end):
            return channel.judged < channel.end
        return channel.end - channel.checked >= self._stride and channel.end - channel.judged > self._window

    def _is_complete(self, channel: Channel, at_end: bool) -> bool:
        return at_end or channel.ended or self._total - channel.seen > self._window

    async def _judge(self, channel: Channel, at_end: bool) -> None:
        """Let shields see the end of a channel, and move on how far it may leave."""
        outcomes = await self._checks.run([CheckedMessage("assistant", channel.text)], self._about)
        limit = channel.end if self._is_complete(channel, at_end) else max(channel.judged, channel.end - self._window)
        reached = [_reached(outcome, channel, limit) for outcome in outcomes]
        for outcome, verdict in zip(reached, self._verdicts, strict=True):
            verdict.add(outcome)
        if error := refusal(reached, "output"):
            raise error
        masks = masks_of(found for outcome in reached for found in outcome.masking)
        for mask in masks:
            limit = max(limit, mask.end + channel.base)  # nothing of what is masked is left to be judged
        moved = (Mask(mask.start + channel.base, mask.end + channel.base, mask.text) for mask in masks)
        channel.masks = merged([*channel.masks, *moved])
        channel.checked, channel.judged = channel.end, limit


def _reached(outcome: Outcome, channel: Channel, limit: int) -> Outcome:
    """An outcome without what was judged before, and without what more text may still change."""

    def counts(found: Finding) -> bool:
        if found.start is None or found.end is None:
            return True
        return channel.base + found.start < limit and channel.base + found.end > channel.judged

    if not outcome.report.findings:
        return outcome
    findings = tuple(found for found in outcome.report.findings if counts(found))
    return replace(outcome, report=replace(outcome.report, findings=findings))
