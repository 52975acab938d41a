"""What the playground says: the sentence of the context that speaks of the question, or that it has none.

An answer that is no quotation says that no language model wrote it.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b

from stack.providers.inline.playground.conversation import Conversation, Turn
from stack.providers.inline.playground.relevance import Passage, rank
from stack.providers.inline.playground.text import distinct, sentences, shorten, terms

_LABEL = "playground, not a language model"
_LEADS = ("The context says: ", "From the context: ", "As the context has it: ")
_NO_MODEL = (
    f"This is the {_LABEL}: it quotes the context it is given.",
    f"You are talking to the {_LABEL}; all it can do is quote the context it is given.",
    f"Answered by the {_LABEL}: it looks for a sentence to quote in the context it is given.",
)
_UPGRADE = "Give it a text to quote from, or configure a provider to have a model answer."
_QUOTED_LENGTH = 600
_ECHOED_LENGTH = 200
_RESULT_LENGTH = 400
_SENTENCES = {"high": 3}
# Sentences that tell the assistant how to behave are no knowledge.
_ORDERS = (
    "you are ",
    "you're ",
    "act as ",
    "answer ",
    "always ",
    "never ",
    "do not ",
    "don't ",
    "respond ",
    "reply ",
    "use ",
)
_HEADING = re.compile(r"(?:background|context|document|information|passage|source|text)s?(?: \d+)?:\s*", re.IGNORECASE)
_TRUST = {"tool": 1.4, "user": 1.2, "system": 1.0, "developer": 1.0, "assistant": 0.8}
_ALREADY_SAID = 0.5
_EARLIER_QUESTION = 0.3


@dataclass(frozen=True, slots=True)
class Manner:
    """How to answer. seed: picks among wordings, the plain ones if None; verbosity: low, medium or high."""

    seed: int | None = None
    verbosity: str = "medium"

    def pick(self, wordings: tuple[str, ...], choice: int) -> str:
        """One of the wordings: another one for every choice, and for every seed."""
        start = 0 if self.seed is None else blake2b(str(self.seed).encode(), digest_size=2).digest()[0]
        return wordings[(start + choice) % len(wordings)]


def answer(conversation: Conversation, manner: Manner, count: int) -> list[str]:
    """`count` answers, best first; the same conversation and manner always give the same ones."""
    question = _Question.of(conversation)
    results = conversation.results
    found = [] if results else rank(question.weights, question.passages)
    return [_answer(conversation, question, found, manner, choice) for choice in range(count)]


def quotation(conversation: Conversation) -> str:
    """The bare sentence that speaks of what was asked, or the question itself: for a field that wants an answer."""
    question = _Question.of(conversation)
    found = rank(question.weights, question.passages)
    return shorten(found[0].text if found else question.text, _QUOTED_LENGTH)


@dataclass(frozen=True, slots=True)
class _Question:
    """What is asked, what it is about (terms with weights), and the sentences that may answer it."""

    text: str
    weights: dict[str, float]
    passages: list[Passage]

    @classmethod
    def of(cls, conversation: Conversation) -> _Question:
        text, rest = _split_question(conversation.asked)
        earlier = [turn.text for turn in conversation.turns if turn.role == "user"][:-1]
        weights = dict.fromkeys(terms(text), 1.0)
        # A question such as "and why?" goes on about what was asked before.
        weight = _EARLIER_QUESTION if weights else 1.0
        for term in terms(_split_question(earlier[-1])[0]) if earlier else ():
            weights.setdefault(term, weight)
        return cls(text, weights, list(_passages(conversation, rest)))


def _split_question(text: str) -> tuple[str, list[str]]:
    """The question in a text, and its other sentences: the last with a question mark, else the last about anything."""
    parts = sentences(text)
    asking = [i for i, part in enumerate(parts) if part.endswith(("?", "？"))]
    about = asking or [i for i, part in enumerate(parts) if terms(part)]
    if not about:
        return " ".join(text.split()), []
    return parts[about[-1]], parts[: about[-1]] + parts[about[-1] + 1 :]


def _passages(conversation: Conversation, rest_of_question: list[str]) -> Iterator[Passage]:
    asked = conversation.asked
    said = Counter(part for turn in conversation.turns if turn.role == "assistant" for part in _quoted(turn.text))
    for turn in conversation.turns:
        last_question = turn.role == "user" and turn.text is asked
        parts = rest_of_question if last_question else sentences(_as_prose(turn.text))
        for part in distinct(_knowledge(part, turn) for part in parts):
            if part:
                weight = _TRUST.get(turn.role, 1.0) * (_ALREADY_SAID if said[part] else 1.0)
                yield Passage(part, weight)


def _knowledge(sentence: str, turn: Turn) -> str:
    """What a sentence states, without a label before it; empty for questions, orders and our own earlier answers."""
    ours = turn.role == "assistant" and (_LABEL in turn.text or sentence.startswith(_LEADS))
    if ours or sentence.endswith(("?", "？")):
        return ""
    if sentence.lower().startswith(_ORDERS):
        stated = sentence.partition(": ")[2]
        return stated or ("" if turn.role in ("system", "developer") else sentence)
    return _HEADING.sub("", sentence)


def _quoted(answer_text: str) -> list[str]:
    """The sentences that an earlier answer of ours quoted."""
    lead = next((lead for lead in _LEADS if answer_text.startswith(lead)), "")
    return sentences(answer_text.removeprefix(lead).strip('"')) if lead else []


def _as_prose(text: str) -> str:
    """A JSON document as lines of `name: value`; any other text as it is."""
    if not text.lstrip().startswith(("{", "[")):
        return text
    try:
        return "\n".join(_lines(json.loads(text), ""))
    except (ValueError, RecursionError):
        return text


def _lines(value: object, name: str) -> Iterator[str]:
    if isinstance(value, dict):
        flat = {key: item for key, item in value.items() if not isinstance(item, dict | list)}
        if flat:
            yield ", ".join(f"{key}: {item}" for key, item in flat.items())
        for key, item in value.items():
            yield from _lines(item, key) if key not in flat else ()
    elif isinstance(value, list):
        for item in value:
            yield from _lines(item, name)
    else:
        yield f"{name}: {value}" if name else str(value)


def _answer(conversation: Conversation, question: _Question, found: list[Passage], manner: Manner, choice: int) -> str:
    if conversation.results:
        text = "\n".join(_report(turn, question.weights) for turn in conversation.results)
    elif found:
        start = choice % len(found)
        quoted = " ".join(passage.text for passage in found[start : start + _SENTENCES.get(manner.verbosity, 1)])
        quoted = shorten(quoted, _QUOTED_LENGTH)
        text = quoted if manner.verbosity == "low" else f'{manner.pick(_LEADS, choice)}"{quoted}"'
    else:
        text = f"{manner.pick(_NO_MODEL, choice)} {_echo(conversation, question.text)} {_UPGRADE}"
    if unread := conversation.unread:
        text += f" (Not looked at, since the playground reads text only: {unread}.)"
    return text


def _report(turn: Turn, question: dict[str, float]) -> str:
    """What a tool gave: all of it if it is short, else its sentence that speaks of the question, else its beginning."""
    text = turn.text
    if len(text) > _RESULT_LENGTH:
        found = rank(question, [Passage(part) for part in sentences(_as_prose(text))])
        text = found[0].text if found else text
    return (
        f"{turn.tool} returned: {shorten(text, _RESULT_LENGTH)}" if text.strip() else f"{turn.tool} returned nothing."
    )


def _echo(conversation: Conversation, question: str) -> str:
    if not question:
        return "Nothing was asked."
    others = len(conversation.turns) - 1
    where = f", and nothing in the {others} message{'s' * (others > 1)} before speaks of it" if others else ""
    return f'You said: "{shorten(question, _ECHOED_LENGTH)}"{where}.'
