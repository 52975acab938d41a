"""Tools, their results, and answers that fill a schema."""

from __future__ import annotations

import json

import pytest

CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
TOOLS = [
    {
        "type": "function",
        "function": {"name": f"get_{what}", "description": f"The {what} in a city", "parameters": CITY},
    }
    for what in ("weather", "time")
]
BOTH = [{"role": "user", "content": "Get the weather and the time in Paris."}]
ONE = [{"role": "user", "content": "Get the weather in Paris."}]
RECIPE = {
    "type": "object",
    "properties": {
        "title": {"type": "string"},
        "minutes": {"type": "integer", "minimum": 1},
        "level": {"enum": ["easy", "hard"]},
        "steps": {"type": "array", "items": {"type": "string"}, "minItems": 2},
    },
    "required": ["title", "minutes", "level", "steps"],
    "additionalProperties": False,
}


def calls_of(chunks):
    """The tool calls of a stream, put together as the official client's users do."""
    calls = {}
    for delta in (choice.delta for chunk in chunks for choice in chunk.choices):
        for part in delta.tool_calls or ():
            call = calls.setdefault(part.index, {"id": part.id, "name": part.function.name, "arguments": ""})
            call["arguments"] += part.function.arguments or ""
    return [calls[index] for index in sorted(calls)]


def test_a_tool_is_called_with_arguments_of_its_schema(chat):
    choice = chat(messages=ONE, tools=TOOLS[:1]).choices[0]
    call = choice.message.tool_calls[0]
    assert (choice.finish_reason, call.type, call.function.name) == ("tool_calls", "function", "get_weather")
    assert json.loads(call.function.arguments) == {"city": "Paris"}


@pytest.mark.parametrize("stream", [False, True])
def test_two_tools_are_called_in_parallel_under_ids_of_their_own(chat, stream):
    answer = chat(messages=BOTH, tools=TOOLS, stream=stream)
    if stream:
        calls = calls_of(answer)
    else:
        calls = [{"id": call.id, **call.function.to_dict()} for call in answer.choices[0].message.tool_calls]
    assert {call["name"] for call in calls} == {"get_weather", "get_time"}
    assert len({call["id"] for call in calls}) == 2
    assert all(json.loads(call["arguments"]) == {"city": "Paris"} for call in calls)


def test_without_parallel_calls_one_tool_is_called(chat):
    assert len(chat(messages=BOTH, tools=TOOLS, parallel_tool_calls=False).choices[0].message.tool_calls) == 1


def test_tool_choice_none_calls_no_tool(chat):
    message = chat(messages=ONE, tools=TOOLS, tool_choice="none").choices[0].message
    assert message.content
    assert not message.tool_calls


def test_tool_choice_names_the_tool(chat):
    choice = {"type": "function", "function": {"name": "get_time"}}
    calls = chat(messages=ONE, tools=TOOLS, tool_choice=choice).choices[0].message.tool_calls
    assert [call.function.name for call in calls] == ["get_time"]


def test_tool_choice_required_calls_a_tool(chat):
    greeting = [{"role": "user", "content": "hello"}]
    assert chat(messages=greeting, tools=TOOLS, tool_choice="required").choices[0].message.tool_calls


def test_the_results_of_tools_are_told_in_the_next_turn(chat):
    message = chat(messages=BOTH, tools=TOOLS).choices[0].message
    said = {"get_weather": "19 degrees and drizzle", "get_time": "a quarter to nine"}
    results = [
        {"role": "tool", "tool_call_id": call.id, "content": said[call.function.name]} for call in message.tool_calls
    ]
    answer = chat(messages=[*BOTH, message.to_dict(), *results], tools=TOOLS).choices[0]
    assert answer.finish_reason == "stop"
    assert any(text in answer.message.content for text in said.values())


@pytest.mark.parametrize("stream", [False, True])
def test_a_json_schema_is_filled(chat, stream):
    schema = {"type": "json_schema", "json_schema": {"name": "recipe", "schema": RECIPE, "strict": True}}
    answer = chat(response_format=schema, stream=stream)
    text = (
        "".join(choice.delta.content or "" for chunk in answer for choice in chunk.choices)
        if stream
        else answer.choices[0].message.content
    )
    recipe = json.loads(text)
    assert recipe.keys() == RECIPE["properties"].keys()
    assert recipe["minutes"] >= 1
    assert recipe["level"] in ("easy", "hard")
    assert len(recipe["steps"]) >= 2


def test_json_mode_gives_an_object(chat):
    messages = [{"role": "user", "content": "Answer in JSON."}]
    answer = chat(messages=messages, response_format={"type": "json_object"})
    assert isinstance(json.loads(answer.choices[0].message.content), dict)


def test_the_openai_client_parses_a_schema_of_its_own(client, text_model):
    from pydantic import BaseModel

    class Weather(BaseModel):
        city: str
        degrees: int

    answer = client.chat.completions.parse(model=text_model, messages=ONE, response_format=Weather)
    assert isinstance(answer.choices[0].message.parsed, Weather)
