"""What a model in this process can be asked: an option that it cannot honour is refused by name."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from pydantic import BaseModel

from stack.apis.chat import ChatCompletionRequest
from stack.errors import InvalidRequest, NotFound, Unsupported, UnsupportedParameter

# Labels of a request, and bounds that each provider reads by itself.
HARMLESS = frozenset(
    {"model", "messages", "prompt", "stream", "stream_options", "user", "metadata", "safety_identifier", "n"}
)
NEUTRAL: dict[str, tuple[Any, ...]] = {
    "store": (False,),
    "service_tier": ("auto", "default"),
    "logprobs": (False, 0),
    "top_logprobs": (0,),
    "modalities": (["text"],),
    "echo": (False,),
    "best_of": (1,),
    "logit_bias": ({},),
    "tool_choice": ("none",),
    "frequency_penalty": (0,),
    "presence_penalty": (0,),
}


def check_options(request: BaseModel, honoured: Collection[str]) -> None:
    """Raises: UnsupportedParameter naming an option that would have no effect, InvalidRequest."""
    for name in request.model_fields_set:
        value = dict(request)[name] if name in type(request).model_fields else (request.model_extra or {})[name]
        if value is None or name in honoured or name in HARMLESS or value in NEUTRAL.get(name, ()):
            continue
        raise UnsupportedParameter(f"`{name}` has no effect on this provider: leave it out", param=name)
    if (dict(request).get("n") or 1) > 1:
        raise UnsupportedParameter("`n` must be 1 here: ask again for another answer", param="n")
    if dict(request).get("stream_options") is not None and not dict(request).get("stream"):
        raise InvalidRequest("`stream_options` needs `stream` to be true", param="stream_options")


def check_model(asked: str, name: str) -> None:
    """Raises: NotFound, unless it is the model that is loaded."""
    if asked != name:
        raise NotFound(f"there is no model `{asked}` here: ask `{name}`", param="model", code="model_not_found")


def check_task(is_wanted: bool, does: str, wanted: str) -> None:
    """Raises: Unsupported, if the model is loaded for something else."""
    if not is_wanted:
        raise Unsupported(f"this model is loaded to {does}: set `task: {wanted}` to have it do this", param="model")


def stops(stop: str | list[str] | None) -> list[str]:
    """The texts that end an answer. Raises: InvalidRequest for an empty one."""
    found = [stop] if isinstance(stop, str) else list(stop or ())
    if not all(found):
        raise InvalidRequest("`stop` holds an empty text, before which every answer would end", param="stop")
    return found


def token_limit(request: ChatCompletionRequest) -> int | None:
    """The most tokens of an answer. Raises: InvalidRequest."""
    given = {"max_completion_tokens": request.max_completion_tokens, "max_tokens": request.max_tokens}
    for name, limit in given.items():
        if limit is not None and limit < 1:
            raise InvalidRequest(f"`{name}` is {limit}, and must be at least 1", param=name)
    return min((limit for limit in given.values() if limit is not None), default=None)


def plain_messages(request: ChatCompletionRequest) -> list[dict[str, Any]]:
    """The conversation as templates take it: texts whole, developers as system. Raises: UnsupportedParameter."""
    return [_plain(index, message.model_dump(exclude_none=True)) for index, message in enumerate(request.messages)]


def _plain(index: int, message: dict[str, Any]) -> dict[str, Any]:
    role = "system" if message["role"] == "developer" else message["role"]
    content = message.get("content")
    text = content if isinstance(content, str) else "".join(_texts(index, content or ()))
    return {**message, "role": role, "content": text}


def _texts(index: int, parts: Iterable[dict[str, Any]]) -> Iterable[str]:
    for number, part in enumerate(parts):
        if "text" not in part:
            param = f"messages[{index}].content[{number}]"
            raise UnsupportedParameter(f"`{param}` is no text, and this model reads nothing else", param=param)
        yield part["text"]


def texts_of(given: str | list[str] | list[int] | list[list[int]]) -> list[str]:
    """The texts of `input` or `prompt`. Raises: UnsupportedParameter for ids of tokens."""
    found = [given] if isinstance(given, str) else [item for item in given if isinstance(item, str)]
    if not isinstance(given, str) and len(found) < len(given):
        message = "ids of tokens are not taken: send text, since the model has a tokenizer of its own"
        raise UnsupportedParameter(message, param="input")
    return found
