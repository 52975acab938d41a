"""A conversation as the playground reads it: who said which text, which tool gave which result, what is not text."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from stack.apis.messages import (
    AssistantMessage,
    AudioPart,
    CustomToolCall,
    FilePart,
    FunctionMessage,
    FunctionToolCall,
    ImagePart,
    Message,
    OtherMessage,
    RefusalPart,
    TextPart,
    ToolMessage,
)
from stack.apis.shapes import OtherType
from stack.apis.wire import WireModel
from stack.providers.inline.playground.text import token_count

# What the envelope of a message costs, about as common chat formats have it.
_TOKENS_PER_MESSAGE = 4
_KINDS = ((ImagePart, "image"), (AudioPart, "audio clip"), (FilePart, "file"))


@dataclass(frozen=True, slots=True)
class Turn:
    """One message. tool: the name of the tool whose result this is; unread: kinds of its parts that are not text."""

    role: str
    text: str
    tool: str = ""
    unread: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Conversation:
    """The turns, oldest first, and what reading them costs in tokens."""

    turns: tuple[Turn, ...]
    tokens: int = 0

    @property
    def asked(self) -> str:
        """The latest text of a user; empty if there is none."""
        return next((turn.text for turn in reversed(self.turns) if turn.role == "user"), "")

    @property
    def results(self) -> tuple[Turn, ...]:
        """The tool results that nobody has spoken of yet."""
        count = 0
        while count < len(self.turns) and self.turns[-1 - count].role == "tool":
            count += 1
        return self.turns[len(self.turns) - count :]

    @property
    def unread(self) -> str:
        """What came since the last answer and is not text, in words: `1 file and 2 images`."""
        kinds: Counter[str] = Counter()
        for turn in reversed(self.turns):
            if turn.role == "assistant":
                break
            kinds.update(turn.unread)
        parts = [f"{count} {kind}{'s' * (count > 1)}" for kind, count in sorted(kinds.items())]
        return " and ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))


def read_conversation(messages: Sequence[Message]) -> Conversation:
    """The messages as turns."""
    tools: dict[str, str] = {}
    turns: list[Turn] = []
    tokens = 0
    for message in messages:
        turn, calls = _read_message(message, tools)
        turns.append(turn)
        tokens += _TOKENS_PER_MESSAGE + token_count(turn.text) + token_count(calls)
    return Conversation(tuple(turns), tokens)


def _read_message(message: Message, tools: dict[str, str]) -> tuple[Turn, str]:
    """A message's turn and the text of its calls, whose names by id go into `tools`."""
    if isinstance(message, OtherMessage):
        return Turn(message.role, "", unread=("unknown message",)), ""
    text, unread = _read_content(message.content)
    if isinstance(message, ToolMessage):
        return Turn("tool", text, tools.get(message.tool_call_id, "the tool"), unread), ""
    if isinstance(message, FunctionMessage):
        return Turn("tool", text, message.name, unread), ""
    if isinstance(message, AssistantMessage):
        return Turn("assistant", text or message.refusal or "", unread=unread), _read_calls(message, tools)
    return Turn(message.role, text, unread=unread), ""


def _read_content(content: str | Sequence[WireModel] | None) -> tuple[str, tuple[str, ...]]:
    if content is None or isinstance(content, str):
        return content or "", ()
    texts: list[str] = []
    unread: list[str] = []
    for part in content:
        if isinstance(part, TextPart):
            texts.append(part.text)
        elif isinstance(part, RefusalPart):
            texts.append(part.refusal)
        else:
            unread.append(next((kind for known, kind in _KINDS if isinstance(part, known)), "unknown part"))
    return "\n".join(texts), tuple(unread)


def _read_calls(message: AssistantMessage, tools: dict[str, str]) -> str:
    texts: list[str] = []
    for call in message.tool_calls or ():
        if isinstance(call, FunctionToolCall):
            tools[call.id] = call.function.name
            texts.append(f"{call.function.name}({call.function.arguments})")
        elif isinstance(call, CustomToolCall):
            tools[call.id] = call.custom.name
            texts.append(f"{call.custom.name}({call.custom.input})")
        elif isinstance(call, OtherType):
            texts.append(json.dumps(call.model_dump(mode="json", exclude_unset=True)))
    if message.function_call is not None:
        texts.append(f"{message.function_call.name}({message.function_call.arguments})")
    return " ".join(texts)
