"""What of a request a model reads: every text and image of it, or a refusal where that cannot be known."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

from stack.apis.wire import WireRequest
from stack.errors import InvalidRequest
from stack.routing.shields.texts import Passage, Slot, encoded

R = TypeVar("R", bound=WireRequest)

_ROLES = frozenset({"assistant", "developer", "function", "system", "tool", "user"})
_NAMES = frozenset({"detail", "format", "id", "mode", "tool_call_id", "ttl", "type"})  # of things, if they are short
_NAME = re.compile(r"[\w.:/-]{1,64}", re.ASCII)
# Fields that no model reads; any other, known or not, is text.
_SETTINGS = frozenset(
    {"audio", "best_of", "dimensions", "echo", "encoding_format", "frequency_penalty", "function_call", "logit_bias"}
    | {"logprobs", "max_completion_tokens", "max_tokens", "metadata", "modalities", "model", "moderation", "n"}
    | {"parallel_tool_calls", "presence_penalty", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention"}
    | {"reasoning_effort", "return_documents", "safety_identifier", "seed", "service_tier", "stop", "store", "stream"}
    | {"stream_options", "temperature", "tool_choice", "top_k", "top_logprobs", "top_n", "top_p", "user", "verbosity"}
)
_SUBJECTS = ("messages", "prompt", "input", "query")
# What vLLM and SGLang take in place of a prompt.
_NUMBERS = frozenset({"input_embeds", "input_ids", "prompt_embeds", "prompt_token_ids"})
_IMAGES = frozenset({"image", "image_url"})
_IMAGE = re.compile(r"data:image/\S*")


class Reading(NamedTuple):
    """A request as shields see it. independent: its messages have nothing to do with each other."""

    document: dict[str, Any]
    passages: list[Passage]
    independent: bool
    param: str


def read_request(request: WireRequest) -> Reading:
    """Everything of a request that a model reads. Raises: InvalidRequest, where a shield could not read it."""
    document = json.loads(request.body())
    # By what is asked: any of the names may also stand in it as an option that nobody knows.
    subject = next((name for name in _SUBJECTS if name in type(request).model_fields), "")
    others = [_other(document, name) for name in document if name not in _SETTINGS and name != subject]
    passages = [passage for passage in others if passage.slots or passage.images]
    match subject:
        case "messages":
            passages += read_messages(document["messages"])
        case _ if subject in document:
            passages += _texts(document, subject)
    return Reading(document, passages, subject != "messages", subject)


def read_messages(messages: Sequence[dict[str, Any]]) -> list[Passage]:
    """A passage per message, its content first. Raises: InvalidRequest, where a shield could not read it."""
    return [_message(each, f"messages[{index}]") for index, each in enumerate(messages)]


def rewritten(request: R, document: dict[str, Any]) -> R:
    """The request as it was read: a name that stood in it twice stands in it once."""
    return type(request).from_body(encoded(document))


def _message(message: dict[str, Any], where: str) -> Passage:
    role = message.get("role")
    passage = Passage(role if isinstance(role, str) and role in _ROLES else "user")
    content = message.get("content")
    if isinstance(content, list):
        for index, part in enumerate(content):
            _part(content, index, part, passage, f"{where}.content[{index}]")
    else:
        walk(message, "content", content, passage, f"{where}.content")
    for key, value in message.items():
        if key == "content":
            continue
        if key == "audio" and value is not None:
            raise unreadable(f"{where}.audio", "speech")
        if key != "role" or role != passage.role:
            walk(message, key, value, passage, f"{where}.{key}")
    return passage


def _part(content: list[Any], index: int, part: Any, passage: Passage, where: str) -> None:
    kind = part.get("type") if isinstance(part, dict) else "text"
    if kind not in ("text", "refusal", "image_url"):
        raise unreadable(where, f"of type `{str(kind)[:64]}`")
    walk(content, index, part, passage, where)


def _texts(document: dict[str, Any], subject: str) -> Iterator[Passage]:
    """A passage per text of `prompt` or `input`; one for `query`, whose documents are an `_other`."""
    given = document[subject]
    if isinstance(given, str):
        yield Passage("user", [Slot(document, subject, given)])
    for index, text in enumerate(given if isinstance(given, list) else ()):
        if not isinstance(text, str):
            raise unreadable(subject, "token ids")
        yield Passage("user", [Slot(given, index, text)])


def _other(document: dict[str, Any], name: str) -> Passage:
    if name in _NUMBERS and document[name] is not None:
        raise unreadable(name, "token ids" if name.endswith("_ids") else "no text")
    passage = Passage("system")
    walk(document, name, document[name], passage, name)
    return passage


def walk(holder: Any, key: str | int, value: Any, passage: Passage, where: str) -> None:
    """Collect every text and image below `value`, which is `holder[key]`. Raises: InvalidRequest for a file."""
    if isinstance(value, str):
        if key in _IMAGES or _IMAGE.fullmatch(value):
            passage.images.append(value)
        elif holds_file(value):
            raise unreadable(where, "a file")
        elif value and not (key in _NAMES and _NAME.fullmatch(value)):
            passage.slots.append(Slot(holder, key, value))
    elif isinstance(value, dict):
        for name, inner in value.items():
            named = key if key in _IMAGES and name == "url" else name
            walk(value, named, inner, passage, f"{where}.{name}"[:200])
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            walk(value, index, inner, passage, f"{where}[{index}]"[:200])


def holds_file(text: str) -> bool:
    """Whether a text is a `data:` URL, and not one that speaks of `data:`."""
    return text.startswith("data:") and ";base64," in text[:200]


def unreadable(where: str, what: str) -> InvalidRequest:
    """The refusal of what no shield can judge."""
    message = f"`{where}` is {what}, which the shields of this model cannot read: send text"
    return InvalidRequest(message, param=where, code="unreadable_content")
