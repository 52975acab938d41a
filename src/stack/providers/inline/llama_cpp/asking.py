"""A request in the words of llama-cpp-python; what it cannot honour is refused by name."""

from __future__ import annotations

from typing import Any

from stack.apis.chat import ChatCompletionRequest
from stack.apis.chat_options import JsonObjectFormat, JsonSchemaFormat
from stack.apis.completions import CompletionRequest
from stack.errors import InvalidRequest, UnsupportedParameter
from stack.providers.inline.local_model.options import check_options, plain_messages, stops, texts_of, token_limit
from stack.providers.inline.local_model.sampling import MORE_SAMPLING, sampling

_SAMPLING = ("temperature", "top_p", "frequency_penalty", "presence_penalty", "seed")
_SEEDS = 2**32 - 1  # the one that is left over stands for chance
_SHARED = {*_SAMPLING, *MORE_SAMPLING, "stop", "max_tokens", "logit_bias"}
CHAT = _SHARED | {"max_completion_tokens", "response_format", "tools", "tool_choice", "parallel_tool_calls"}
COMPLETION = _SHARED | {"echo"}  # `suffix` would be set between tokens that most models do not have


def asked_chat(request: ChatCompletionRequest) -> dict[str, Any]:
    """Arguments of `create_chat_completion`. Raises: InvalidRequest, UnsupportedParameter."""
    check_options(request, CHAT)
    asked = {**_sampling(request), "messages": plain_messages(request), "max_tokens": token_limit(request)}
    if isinstance(request.response_format, JsonSchemaFormat):
        schema = request.response_format.json_schema.schema_ or {}
        asked["response_format"] = {"type": "json_object", "schema": schema}
    elif isinstance(request.response_format, JsonObjectFormat):
        asked["response_format"] = {"type": "json_object"}
    return asked | _tools(request)


def asked_completion(request: CompletionRequest) -> dict[str, Any]:
    """Arguments of `create_completion`. Raises: InvalidRequest, UnsupportedParameter."""
    check_options(request, COMPLETION)
    texts = texts_of(request.prompt or "")
    if len(texts) != 1:
        raise UnsupportedParameter("`prompt` must be one text here: send each by itself", param="prompt")
    limit = 16 if request.max_tokens is None else request.max_tokens
    if limit < 1:
        raise InvalidRequest(f"`max_tokens` is {limit}, and must be at least 1", param="max_tokens")
    return {**_sampling(request), "prompt": texts[0], "max_tokens": limit, "echo": bool(request.echo)}


def _sampling(request: ChatCompletionRequest | CompletionRequest) -> dict[str, Any]:
    found = sampling(request, (*_SAMPLING, *MORE_SAMPLING))
    if "repetition_penalty" in found:
        found["repeat_penalty"] = found.pop("repetition_penalty")
    if "seed" in found:
        found["seed"] %= _SEEDS
    if request.logit_bias:
        found["logit_bias"] = {_token(key): value for key, value in request.logit_bias.items()}
    return found | {"stop": stops(request.stop)}


def _token(key: str) -> int:
    if not key.isdecimal():
        raise InvalidRequest(f"`logit_bias` holds `{key[:20]}`: its keys are ids of tokens", param="logit_bias")
    return int(key)


def _tools(request: ChatCompletionRequest) -> dict[str, Any]:
    """A function that must be called: its arguments are held to its schema; the model cannot choose by itself."""
    tools = [tool.model_dump(exclude_none=True) for tool in request.tools or ()]
    given = request.tool_choice
    choice: Any = given if given is None or isinstance(given, str) else given.model_dump(exclude_none=True)
    if not tools or choice == "none":
        return {}
    if choice == "required" and len(tools) == 1:
        choice = {"type": "function", "function": {"name": tools[0].get("function", {}).get("name")}}
    named = choice.get("function", {}).get("name") if isinstance(choice, dict) else None
    if named is None or named not in [tool.get("function", {}).get("name") for tool in tools]:
        message = "only a function that `tool_choice` names is called here: name one of `tools`"
        raise UnsupportedParameter(message, param="tool_choice")
    return {"tools": [{**t, "function": {"parameters": {}, **t["function"]}} for t in tools], "tool_choice": choice}
