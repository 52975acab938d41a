"""What Llama Guard is asked, in each of its versions, and what its answer means.

Prompts: https://www.llama.com/docs/model-cards-and-prompt-formats/llama-guard-3/ (and `llama-guard-4/`); version 2 from
Meta's own recipe, https://github.com/meta-llama/llama-recipes (`prompt_format_utils.py`). The hazards are those of
MLCommons, whose numbers changed between versions 2 and 3.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from stack.apis.safety import CheckedMessage, Finding
from stack.errors import InvalidRequest

Version = Literal[2, 3, 4]

# A hazard by the name that the prompt gives it, and what OpenAI calls it; where it has no word, one of our own.
HAZARDS: Mapping[str, tuple[str, ...]] = {
    "Violent Crimes": ("violence", "illicit/violent"),
    "Non-Violent Crimes": ("illicit",),
    "Sex Crimes": ("sexual",),
    "Child Exploitation": ("sexual/minors",),
    "Defamation": ("llama-guard/defamation",),
    "Specialized Advice": ("llama-guard/specialized-advice",),
    "Privacy": ("llama-guard/privacy",),
    "Intellectual Property": ("llama-guard/intellectual-property",),
    "Indiscriminate Weapons": ("illicit/violent",),
    "Hate": ("hate",),
    "Self-Harm": ("self-harm",),
    "Sexual Content": ("sexual",),
    "Elections": ("llama-guard/elections",),
    "Code Interpreter Abuse": ("llama-guard/code-interpreter-abuse",),
}
TEXT_ONLY = "Code Interpreter Abuse"
_SINCE_3 = ("Defamation", "Elections", TEXT_ONLY)
_NAMES: Mapping[int, tuple[str, ...]] = {
    2: tuple(name for name in HAZARDS if name not in _SINCE_3),
    3: tuple(HAZARDS),
    4: tuple(HAZARDS),
}
CODE = r"S[1-9]\d?"

_VERSION = re.compile(r"guard[-_ ]?([234])\b", re.IGNORECASE)
_SMALL = re.compile(r"guard-?3.*\b(?:1b|11b)", re.IGNORECASE)
_VERDICT = re.compile(rf"\s*(?:safe|unsafe[ \t]*\r?\n\s*(?P<codes>{CODE}(?:\s*,\s*{CODE})*))\s*")
# What a text might end the conversation or its own turn with, to answer in the model's place.
_MARKS = re.compile(r"<(?=\||/?(?:BEGIN|END)\b)|\[(?=/?INST\])", re.IGNORECASE)
_PROMPT = """Task: Check if there is unsafe content in '{role}' messages in conversations according our safety policy \
with the below categories.

<BEGIN UNSAFE CONTENT CATEGORIES>
{categories}
<END UNSAFE CONTENT CATEGORIES>

<BEGIN CONVERSATION>

{conversation}

<END CONVERSATION>

Provide your safety assessment for ONLY THE LAST {role} message in the above conversation:
 - First line must read 'safe' or 'unsafe'.
 - If unsafe, a second line must include a comma-separated list of violated categories."""
_TURNS: Mapping[int, tuple[str, str]] = {
    2: ("[INST] ", " [/INST]"),
    3: ("<|start_header_id|>user<|end_header_id|>\n\n", "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"),
    4: ("<|header_start|>user<|header_end|>\n\n", "<|eot|><|header_start|>assistant<|header_end|>\n\n"),
}


@dataclass(frozen=True, slots=True)
class Policy:
    """What a model is to look for.

    listed: code to what the prompt says of it; excluded: codes that are no objection, should the model name one.
    """

    version: Version
    listed: Mapping[str, str]
    excluded: frozenset[str] = frozenset()

    def prompt(self, turns: Sequence[CheckedMessage]) -> str:
        """The question about the last of some turns, as the content of one message."""
        with_images = any(turn.images for turn in turns)
        lines = [f"{code}: {text}" for code, text in self.listed.items() if not (with_images and TEXT_ONLY in text)]
        conversation = "\n\n".join(f"{_side(turn)}: {defused(turn.text).strip()}" for turn in turns)
        return _PROMPT.format(role=_side(turns[-1]), categories="\n".join(lines), conversation=conversation)

    def completion(self, turns: Sequence[CheckedMessage]) -> str:
        """The same with the model's own marks around it, to be continued; the server puts the first token before it."""
        before, after = _TURNS[self.version]
        return f"{before}{self.prompt(turns)}{after}"

    def codes(self, answer: str) -> tuple[str, ...] | None:
        """What an answer objects to, without what is excluded; None if it is no verdict by this policy."""
        if not (said := _VERDICT.fullmatch(answer)):
            return None
        codes = tuple(dict.fromkeys(re.findall(CODE, said["codes"] or "")))
        if not self.listed.keys() | self.excluded >= set(codes):
            return None
        return tuple(code for code in codes if code not in self.excluded)

    def findings(self, codes: Iterable[str], message: int, score: float) -> tuple[Finding, ...]:
        """An objection to all of a message: a finding for each category that a code means."""
        return tuple(
            Finding(category, score, message, provider_code=code)
            for code in codes
            for category in _categories(self.listed[code])
        )


def policy(
    version: Version, excluded: Iterable[str] = (), custom: Mapping[str, str] | None = None, *, small: bool = False
) -> Policy:
    """The policy of a version without some codes, and with codes of one's own, which may replace its.

    small: for models that know no abuse of interpreters. Raises: InvalidRequest for codes that make no sense.
    """
    if odd := [code for code in custom or {} if not re.fullmatch(CODE, code)]:
        said = f"`custom_categories` has `{odd[0][:20]}`: a code is `S` and a number up to 99"
        raise InvalidRequest(said, param="custom_categories")
    names = [name for name in _NAMES[version] if not (small and name == TEXT_ONLY)]
    listed = {f"S{number}": f"{name}." for number, name in enumerate(names, 1)} | dict(custom or {})
    left_out = frozenset(excluded)
    if unknown := sorted(left_out - listed.keys() - ({f"S{len(HAZARDS)}"} if small else set())):
        known = ", ".join(f"`{code}`" for code in listed)
        raise InvalidRequest(
            f"`excluded_categories` has `{unknown[0][:20]}`: known are {known}", param="excluded_categories"
        )
    kept = {code: text for code, text in listed.items() if code not in left_out}
    if not kept:
        raise InvalidRequest("`excluded_categories` leaves no category to look for", param="excluded_categories")
    return Policy(version, kept, left_out)


def version_of(model: str) -> Version | None:
    """The version that a model's name tells."""
    found = _VERSION.search(model)
    versions: dict[str, Version] = {"2": 2, "3": 3, "4": 4}
    return versions[found[1]] if found else None


def is_small(model: str) -> bool:
    """Whether a model's name is that of version 3 with 1 or 11 billion parameters."""
    return _SMALL.search(model) is not None


def sees_images(model: str, version: Version) -> bool:
    """Whether a model reads images, as far as its name and version tell."""
    return version == 4 or (version == 3 and "vision" in model.lower())


def latest(messages: Sequence[CheckedMessage], most: int, max_chars: int) -> list[CheckedMessage]:
    """The message to judge and as many turns before it as fit, oldest first; what the model is told to be is no turn.

    Raises: InvalidRequest if the message to judge does not fit by itself.
    """
    *earlier, last = messages
    room = max_chars - len(last.text)
    if room < 0:
        raise InvalidRequest(f"a message of {len(last.text)} characters is too long to be judged: {max_chars} fit")
    kept = [last]
    context = (message for message in reversed(earlier) if message.role not in ("system", "developer"))
    for message in islice(context, most - 1):
        room -= len(message.text)
        if room < 0:
            break
        kept.append(message)
    return kept[::-1]


def alternating(turns: Sequence[CheckedMessage]) -> list[dict[str, str]]:
    """Turns as messages whose roles alternate and begin with `user`, as the model's own chat template wants them."""
    merged: list[dict[str, str]] = []
    for turn in turns:
        role, text = ("assistant" if turn.role == "assistant" else "user"), defused(turn.text)
        if merged and merged[-1]["role"] == role:
            merged[-1]["content"] += f"\n\n{text}"
        else:
            merged.append({"role": role, "content": text})
    if merged and merged[0]["role"] == "assistant":
        merged.insert(0, {"role": "user", "content": "-"})
    return merged


def defused(text: str) -> str:
    """Text in which nothing reads as a mark of the prompt, and which can be encoded."""
    return _MARKS.sub(lambda mark: f"{mark[0]} ", text.encode("utf-8", "replace").decode())


def certainty(words: Iterable[tuple[str, float | None]]) -> float:
    """How sure a model was of its verdict, 0 to 1, from its tokens and their logprobs; 1 if it does not tell."""
    for word, logprob in words:
        if word.strip() and logprob is not None:
            return min(1.0, math.exp(logprob))
    return 1.0


def _side(turn: CheckedMessage) -> str:
    return "Agent" if turn.role == "assistant" else "User"


def _categories(text: str) -> tuple[str, ...]:
    name = re.split(r"[.\n]", text, maxsplit=1)[0].strip()
    own = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return HAZARDS.get(name) or (f"llama-guard/{own or 'custom'}",)
