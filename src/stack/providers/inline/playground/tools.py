"""Which of the offered tools the playground calls, and with what.

Nothing here understands a request: a tool is called because its name, description or parameters share words with it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from stack.apis.chat import ChatCompletionRequest
from stack.apis.chat_options import LegacyFunctionChoice
from stack.apis.tools import (
    AllowedToolsChoice,
    CustomDefinition,
    CustomTool,
    CustomToolChoice,
    FunctionTool,
    FunctionToolChoice,
    GrammarToolFormat,
    Tool,
)
from stack.errors import InvalidRequest, UnsupportedParameter, nearest
from stack.providers.inline.playground.conversation import Conversation
from stack.providers.inline.playground.hints import Hints
from stack.providers.inline.playground.schema import fill
from stack.providers.inline.playground.schema_check import BadSchema
from stack.providers.inline.playground.text import name_terms, stem, terms, words

Mode = Literal["none", "auto", "required"]
Kind = Literal["function", "custom"]

# Words that most tools have in their descriptions: sharing them with a request means nothing.
_GENERIC = frozenset(
    map(
        stem,
        words(
            "argument call current data execute fetch find function get given input list look lookup name number "
            "object output parameter provide query result retrieve return run search set specific string text tool "
            "type use user value"
        ),
    )
)
_NAME_SHARE = 3


@dataclass(frozen=True, slots=True)
class Offer:
    """A tool that may be called. schema: of the arguments, or of a custom tool's text; param: where it stands."""

    kind: Kind
    name: str
    description: str
    schema: dict[str, Any]
    param: str


@dataclass(frozen=True, slots=True)
class Call:
    """A call to make. payload: the arguments as JSON text, or a custom tool's input."""

    kind: Kind
    name: str
    payload: str


@dataclass(frozen=True, slots=True)
class Toolbox:
    """What may be called, whether it must be, and whether several may be called at once."""

    offers: list[Offer] = field(default_factory=list)
    mode: Mode = "auto"
    parallel: bool = True
    legacy: bool = False

    def calls(self, conversation: Conversation) -> list[Call]:
        """The calls that answer the conversation; none if it asks for no tool. Raises UnsupportedParameter."""
        last_is_user = bool(conversation.turns) and conversation.turns[-1].role == "user"
        if not self.offers or self.mode == "none" or (self.mode == "auto" and not last_is_user):
            return []
        chosen = list(_matching(self.offers, terms(conversation.asked)))
        if not chosen and self.mode == "required":
            chosen = self.offers[:1]
        return [_call(offer, conversation.asked) for offer in (chosen if self.parallel else chosen[:1])]


def read_toolbox(request: ChatCompletionRequest) -> Toolbox:
    """The tools of a request and how to choose among them. Raises InvalidRequest, UnsupportedParameter."""
    parallel = request.parallel_tool_calls is not False
    if request.tools:
        offers = [_read_tool(tool, index) for index, tool in enumerate(request.tools)]
        mode, offers = _read_choice(request, offers)
        return Toolbox(offers, mode, parallel)
    if request.tool_choice not in (None, "none", "auto"):
        raise InvalidRequest("`tool_choice` names tools, but `tools` holds none", param="tool_choice")
    functions = [
        Offer("function", one.name, one.description or "", one.parameters or {}, f"functions[{index}].parameters")
        for index, one in enumerate(request.functions or ())
    ]
    choice = request.function_call
    if isinstance(choice, LegacyFunctionChoice):
        return Toolbox(_named(functions, choice.name, "function_call"), "required", parallel=False, legacy=True)
    if choice not in (None, "none", "auto"):
        raise InvalidRequest("`function_call` must be `none`, `auto` or name a function", param="function_call")
    return Toolbox(functions, "none" if choice == "none" else "auto", parallel=False, legacy=True)


def _read_tool(tool: Tool, index: int) -> Offer:
    if isinstance(tool, FunctionTool):
        function = tool.function
        param = f"tools[{index}].function.parameters"
        return Offer("function", function.name, function.description or "", function.parameters or {}, param)
    if isinstance(tool, CustomTool):
        custom = tool.custom
        param = f"tools[{index}].custom.format"
        return Offer("custom", custom.name, custom.description or "", _input_schema(custom, param), param)
    raise UnsupportedParameter(
        f"tools of type `{tool.type}` cannot be called by the playground", param=f"tools[{index}].type"
    )


def _input_schema(custom: CustomDefinition, param: str) -> dict[str, Any]:
    if not isinstance(custom.format, GrammarToolFormat):
        return {}
    grammar = custom.format.grammar
    if grammar.syntax != "regex":
        raise UnsupportedParameter(f"the playground follows no `{grammar.syntax}` grammar, only `regex`", param=param)
    return {"pattern": f"^(?:{grammar.definition})$"}


def _read_choice(request: ChatCompletionRequest, offers: list[Offer]) -> tuple[Mode, list[Offer]]:
    choice = request.tool_choice
    if choice is None or choice == "auto":
        return "auto", offers
    if choice == "none":
        return "none", offers
    if choice == "required":
        return "required", offers
    if isinstance(choice, FunctionToolChoice):
        return "required", _named(offers, choice.function.name, "tool_choice")
    if isinstance(choice, CustomToolChoice):
        return "required", _named(offers, choice.custom.name, "tool_choice")
    if isinstance(choice, AllowedToolsChoice) and choice.allowed_tools.mode in ("auto", "required"):
        allowed = {_name_in(tool) for tool in choice.allowed_tools.tools}
        mode: Mode = "required" if choice.allowed_tools.mode == "required" else "auto"
        return mode, [offer for offer in offers if offer.name in allowed]
    raise InvalidRequest("`tool_choice` must be `none`, `auto`, `required` or name tools", param="tool_choice")


def _name_in(tool: dict[str, Any]) -> str | None:
    """The name in an entry of `allowed_tools`: `{"type": "function", "function": {"name": ...}}`."""
    inner = tool.get(str(tool.get("type")))
    name = inner.get("name") if isinstance(inner, dict) else tool.get("name")
    return name if isinstance(name, str) else None


def _named(offers: list[Offer], name: str, param: str) -> list[Offer]:
    found = [offer for offer in offers if offer.name == name]
    if not found:
        near = nearest(name, [offer.name for offer in offers], 1)
        hint = f": did you mean `{near[0]}`?" if near else ""
        raise InvalidRequest(f"`{param}` names `{name}`, which is not among the tools{hint}", param=param)
    return found[:1]


def _matching(offers: Sequence[Offer], request: list[str]) -> Iterator[Offer]:
    """The tools that share words with the request, best first; each further one for words left over."""
    vocabulary = {id(offer): _vocabulary(offer) for offer in offers}
    wanted = set(request)
    left = list(offers)
    least = 1
    while left:
        scores = {id(offer): _score(vocabulary[id(offer)], wanted) for offer in left}
        best = max(left, key=lambda offer: scores[id(offer)])
        if scores[id(best)] < least:
            return
        yield best
        name, about = vocabulary[id(best)]
        wanted -= name | about
        left.remove(best)
        least = 2


def _score(vocabulary: tuple[set[str], set[str]], wanted: set[str]) -> int:
    name, about = vocabulary
    return _NAME_SHARE * len(name & wanted) + len((about - name) & wanted)


def _vocabulary(offer: Offer) -> tuple[set[str], set[str]]:
    """The terms of a tool's name, and those of its description and parameters."""
    name = name_terms(offer.name)
    about = [*terms(offer.description), *_parameter_terms(offer.schema)]
    return {term for term in name if term not in _GENERIC} or set(name), set(about) - _GENERIC


def _parameter_terms(schema: dict[str, Any]) -> Iterator[str]:
    properties = schema.get("properties")
    for name, part in properties.items() if isinstance(properties, dict) else ():
        yield from name_terms(name)
        described = part.get("description") if isinstance(part, dict) else None
        yield from terms(described) if isinstance(described, str) else ()


def _call(offer: Offer, asked: str) -> Call:
    try:
        if offer.kind == "function":
            arguments = fill(offer.schema, Hints(asked), "object")
            return Call("function", offer.name, json.dumps(arguments, ensure_ascii=False))
        return Call("custom", offer.name, fill(offer.schema, Hints(asked), "string") if offer.schema else asked)
    except BadSchema as error:
        message = f"the playground cannot make arguments for `{offer.name}` by `{offer.param}`: {error}"
        raise UnsupportedParameter(message, param=offer.param) from error
