"""Checks of tools: calls whole and streamed, several at once, chosen and forbidden, and their results."""

from __future__ import annotations

import json
from typing import Any

from stack.testing.answers import Json
from stack.testing.inference.chatting import check_stream, message_of, only_choice, text_of
from stack.testing.inference.checks import Group, equal, require
from stack.testing.inference.subject import NotSupported, Subject

TOOLS = Group("tools")


def _function(name: str, description: str, **properties: Any) -> Json:
    schema = {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
    return {"type": "function", "function": {"name": name, "description": description, "parameters": schema}}


WEATHER = _function("get_weather", "Tells the weather in a city.", city={"type": "string"})
CLOCK = _function("get_time", "Tells the time in a city.", city={"type": "string"})
BOTH = "What is the weather in Paris, and what is the time in Tokyo? Use both tools at once."
ONE = "What is the weather in Paris?"


def check_call(identity: object, name: object, arguments: object, known: tuple[str, ...] = ("get_weather",)) -> None:
    """An id, a known name, and arguments as the schema has them, spelt as JSON text."""
    require(isinstance(identity, str) and identity, "a tool call has no `id`")
    require(name in known, f"a tool call names `{name}`, which was not offered")
    require(isinstance(arguments, str), "`function.arguments` is no text")
    try:
        given = json.loads(str(arguments))
    except ValueError as error:
        raise AssertionError(f"`function.arguments` is no JSON: `{arguments}`") from error
    require(
        isinstance(given, dict) and set(given) == {"city"} and isinstance(given["city"], str),
        f"`function.arguments` is not as the schema demands: `{arguments}`",
    )


def calls_of(answer: Json, known: tuple[str, ...] = ("get_weather",)) -> list[Json]:
    """The tool calls of a message, each as it must be."""
    calls: list[Json] = message_of(answer).get("tool_calls") or []
    for call in calls:
        equal(call.get("type"), "function", "`type` of a tool call")
        function = call.get("function") or {}
        check_call(call.get("id"), function.get("name"), function.get("arguments"), known)
    return calls


@TOOLS.check("call", optional=True)
async def call(subject: Subject) -> None:
    """`tool_choice: required` gets a call with an id, the tool's name and arguments of its schema."""
    said = await subject.chat(ONE, tools=[WEATHER], tool_choice="required")
    require(calls_of(said), "no tool is called")
    reason = only_choice(said)["finish_reason"]
    require(reason in ("tool_calls", "stop"), f"`finish_reason` is `{reason}` where a tool is called")


@TOOLS.check("streamed call", optional=True)
async def streamed_call(subject: Subject) -> None:
    """A streamed call has its index in each piece, id and name in the first, and arguments that add up to JSON."""
    heard = await subject.stream_chat(ONE, tools=[WEATHER], tool_choice="required")
    check_stream(heard, "chat.completion.chunk")
    require(heard.calls, "no tool is called")
    deltas = [choice.get("delta") or {} for choice in heard.choices]
    pieces = [piece for delta in deltas for piece in delta.get("tool_calls") or ()]
    require(all(isinstance(piece.get("index"), int) for piece in pieces), "a piece of a tool call has no `index`")
    for found in heard.calls:
        check_call(found.id, found.name, found.arguments)


@TOOLS.check("parallel calls", optional=True)
async def parallel_calls(subject: Subject) -> None:
    """Two questions get two calls at once, under ids of their own."""
    calls = calls_of(await subject.chat(BOTH, tools=[WEATHER, CLOCK]), ("get_weather", "get_time"))
    if len(calls) < 2:
        raise NotSupported("one tool at a time is called")
    equal(len({each["id"] for each in calls}), len(calls), "the number of ids of that many calls")


@TOOLS.check("streamed parallel calls", optional=True)
async def streamed_parallel_calls(subject: Subject) -> None:
    """Two calls at once in a stream have indexes and ids of their own."""
    heard = await subject.stream_chat(BOTH, tools=[WEATHER, CLOCK])
    if len(heard.calls) < 2:
        raise NotSupported("one tool at a time is called")
    for found in heard.calls:
        check_call(found.id, found.name, found.arguments, ("get_weather", "get_time"))
    equal(len({found.id for found in heard.calls}), len(heard.calls), "the number of ids of that many calls")


@TOOLS.check("one call at a time", optional=True)
async def one_call(subject: Subject) -> None:
    """`parallel_tool_calls: false` gets at most one call."""
    said = await subject.chat(BOTH, tools=[WEATHER, CLOCK], parallel_tool_calls=False)
    count = len(calls_of(said, ("get_weather", "get_time")))
    require(count <= 1, f"{count} tools are called, and `parallel_tool_calls` is false")


@TOOLS.check("named tool", optional=True)
async def named_tool(subject: Subject) -> None:
    """`tool_choice` names the tool that is called."""
    choice = {"type": "function", "function": {"name": "get_time"}}
    said = await subject.chat(ONE, tools=[WEATHER, CLOCK], tool_choice=choice)
    require(calls_of(said, ("get_time",)), "the tool that `tool_choice` names is not called")


@TOOLS.check("no tool", optional=True)
async def no_tool(subject: Subject) -> None:
    """`tool_choice: none` calls no tool."""
    said = await subject.chat(ONE, tools=[WEATHER], tool_choice="none")
    require(not message_of(said).get("tool_calls"), "a tool is called, and `tool_choice` is `none`")


@TOOLS.check("result", optional=True)
async def result(subject: Subject) -> None:
    """The result of a tool is taken, and answered with a text."""
    made = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city":"Paris"}'}}
    messages = [
        {"role": "user", "content": ONE},
        {"role": "assistant", "content": None, "tool_calls": [made]},
        {"role": "tool", "tool_call_id": "call_1", "content": "It rains in Paris."},
    ]
    text_of(await subject.chat(messages=messages, tools=[WEATHER]))
