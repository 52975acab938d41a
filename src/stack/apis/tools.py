"""Tools that a request offers to the model, and how it may choose among them.

Source: https://platform.openai.com/docs/api-reference/chat/create#chat_create-tools
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from stack.apis.shapes import Items, OtherType, TaggedBy
from stack.apis.wire import WireModel


class FunctionDefinition(WireModel):
    """parameters: JSON Schema of the arguments, absent for none; strict: hold the model to that schema exactly."""

    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class FunctionTool(WireModel):
    """A function that the caller runs."""

    type: Literal["function"]
    function: FunctionDefinition


class Grammar(WireModel):
    """definition: the grammar itself, in `syntax`."""

    definition: str
    syntax: Literal["lark", "regex"] | str


class TextToolFormat(WireModel):
    """Input without a form."""

    type: Literal["text"]


class GrammarToolFormat(WireModel):
    """Input that a grammar describes."""

    type: Literal["grammar"]
    grammar: Grammar


class CustomDefinition(WireModel):
    """A tool with text as input, unconstrained if `format` is absent."""

    name: str
    description: str | None = None
    format: Annotated[TextToolFormat | GrammarToolFormat | OtherType, TaggedBy("type")] | None = None


class CustomTool(WireModel):
    """A tool that takes text in place of JSON arguments."""

    type: Literal["custom"]
    custom: CustomDefinition


Tool = Annotated[FunctionTool | CustomTool | OtherType, TaggedBy("type")]


class ToolName(WireModel):
    """One tool, by name."""

    name: str


class FunctionToolChoice(WireModel):
    """The model must call this function."""

    type: Literal["function"]
    function: ToolName


class CustomToolChoice(WireModel):
    """The model must call this custom tool."""

    type: Literal["custom"]
    custom: ToolName


class AllowedTools(WireModel):
    """tools: the permitted part of the request's tools, such as `{"type": "function", "function": {"name": "f"}}`."""

    mode: Literal["auto", "required"] | str
    tools: Items[dict[str, Any]]


class AllowedToolsChoice(WireModel):
    """The model may (`auto`) or must (`required`) call one of some tools."""

    type: Literal["allowed_tools"]
    allowed_tools: AllowedTools


ToolChoice = (
    Literal["none", "auto", "required"]
    | str
    | Annotated[FunctionToolChoice | CustomToolChoice | AllowedToolsChoice | OtherType, TaggedBy("type")]
)
