"""Which tools the playground calls, and with what."""

from __future__ import annotations

import json

import pytest

from stack.errors import InvalidRequest, UnsupportedParameter


def function(name, description="", /, required=(), **properties):
    schema = {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": schema}}


TEXT = {"type": "string"}
WEATHER = function("get_weather", "Get the current temperature for a location.", ["location"], location=TEXT)
TIME = function("getLocalTime", "Clock of a city.", ["city"], city=TEXT)
MAIL = function("send_mail", "Write to somebody.", ["to", "subject"], to=TEXT, subject=TEXT)


@pytest.fixture
def calls(whole):
    async def ask(*messages, **options):
        message = (await whole(*messages, **options)).choices[0].message
        return [(call.function.name, json.loads(call.function.arguments)) for call in message.tool_calls or ()]

    return ask


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("What's the weather in Paris?", [("get_weather", {"location": "Paris"})]),
        ("what temperature is it in oslo", [("get_weather", {"location": "oslo"})]),
        ("What time is it in Kuala Lumpur?", [("getLocalTime", {"city": "Kuala Lumpur"})]),
        ("Tell me a joke", []),
    ],
)
async def test_auto_calls_the_tool_that_shares_words_with_the_request(calls, asked, expected):
    assert await calls(asked, tools=[WEATHER, TIME, MAIL]) == expected


async def test_several_tools_are_called_when_each_matches_words_of_its_own(calls):
    found = await calls("Weather and time in Rome?", tools=[MAIL, TIME, WEATHER])
    assert sorted(found) == [("getLocalTime", {"city": "Rome"}), ("get_weather", {"location": "Rome"})]


async def test_parallel_calls_can_be_switched_off(calls):
    assert len(await calls("Weather and time in Rome?", tools=[TIME, WEATHER], parallel_tool_calls=False)) == 1


async def test_required_calls_the_first_tool_when_none_matches(calls):
    assert [name for name, _ in await calls("Hm.", tools=[TIME, WEATHER], tool_choice="required")] == ["getLocalTime"]


async def test_a_named_tool_is_called_whatever_is_asked(calls):
    choice = {"type": "function", "function": {"name": "send_mail"}}
    assert [name for name, _ in await calls("Weather?", tools=[WEATHER, MAIL], tool_choice=choice)] == ["send_mail"]


async def test_none_calls_nothing(calls):
    assert await calls("Weather in Rome?", tools=[WEATHER], tool_choice="none") == []


@pytest.mark.parametrize(("mode", "count"), [("auto", 0), ("required", 1)])
async def test_allowed_tools_restrict_the_choice(calls, mode, count):
    allowed = {"mode": mode, "tools": [{"type": "function", "function": {"name": "send_mail"}}]}
    choice = {"type": "allowed_tools", "allowed_tools": allowed}
    found = await calls("Weather in Rome?", tools=[WEATHER, MAIL], tool_choice=choice)
    assert [name for name, _ in found] == ["send_mail"] * count


async def test_a_tool_that_is_not_there_is_refused_with_the_nearest(calls):
    choice = {"type": "function", "function": {"name": "get_wether"}}
    with pytest.raises(InvalidRequest, match="did you mean `get_weather`"):
        await calls("Weather?", tools=[WEATHER], tool_choice=choice)


async def test_after_a_result_auto_answers_and_required_calls(calls):
    result = {"role": "tool", "tool_call_id": "c", "content": "22 degrees"}
    asked = {"role": "user", "content": "Weather in Rome?"}
    assert await calls(asked, result, tools=[WEATHER]) == []
    assert len(await calls(asked, result, tools=[WEATHER], tool_choice="required")) == 1


async def test_call_ids_differ_between_calls_and_choices(whole):
    answer = await whole("Weather and time in Rome?", tools=[TIME, WEATHER], n=2)
    ids = [call.id for choice in answer.choices for call in choice.message.tool_calls]
    assert len(set(ids)) == 4


ARGUMENTS = {
    "names in order": (
        "Fly from Oslo to Rome",
        {"origin": TEXT, "destination": TEXT},
        {"origin": "Oslo", "destination": "Rome"},
    ),
    "prepositions": ("Fly to Rome from Oslo", {"from": TEXT, "to": TEXT}, {"from": "Oslo", "to": "Rome"}),
    "stated": ("Book it, name: Ada Lovelace, please", {"name": TEXT}, {"name": "Ada Lovelace"}),
    "quoted": ('Search for "red shoes" now', {"item": TEXT}, {"item": "red shoes"}),
    "whole text": ("Search red shoes", {"query": TEXT}, {"query": "Search red shoes"}),
    "numbers in order": ("Add 17 and 25.5", {"a": {"type": "number"}, "b": {"type": "number"}}, {"a": 17, "b": 25.5}),
    "number beside its name": ("2 rooms, 3 adults", {"adults": {"type": "integer"}}, {"adults": 3}),
    "number list": (
        "Sum 1, 2 and 1,300",
        {"xs": {"type": "array", "items": {"type": "integer"}}},
        {"xs": [1, 2, 1300]},
    ),
    "enumeration": ("Use fahrenheit", {"unit": {"enum": ["celsius", "fahrenheit"]}}, {"unit": "fahrenheit"}),
    "date": ("On 12 March 2025", {"when": {"type": "string", "format": "date"}}, {"when": "2025-03-12"}),
    "date by name": ("Come on 2025-03-12, Bob", {"date": TEXT}, {"date": "2025-03-12"}),
    "mail": ("Ask bob@example.org", {"to": {"type": "string", "format": "email"}}, {"to": "bob@example.org"}),
    "pattern": ("Is order AB-1234 late?", {"id": {"type": "string", "pattern": "^[A-Z]{2}-\\d+$"}}, {"id": "AB-1234"}),
    "number that does not fit": ("Top 500", {"k": {"type": "integer", "maximum": 10, "minimum": 2}}, {"k": 2}),
}


@pytest.mark.parametrize(("asked", "properties", "arguments"), ARGUMENTS.values(), ids=ARGUMENTS)
async def test_arguments_are_taken_from_the_request(calls, asked, properties, arguments):
    tool = function("tool", "", list(properties), **properties)
    assert await calls(asked, tools=[tool], tool_choice="required") == [("tool", arguments)]


@pytest.mark.parametrize(
    ("asked", "arguments"), [("Go", {"a": True}), ("Go in size large", {"a": True, "size": "large"})]
)
async def test_optional_arguments_are_given_only_when_stated(calls, asked, arguments):
    tool = function("go", "", ["a"], a={"type": "boolean"}, size={"enum": ["small", "large"]}, other=TEXT)
    assert await calls(asked, tools=[tool]) == [("go", arguments)]


@pytest.mark.parametrize("schema", [None, {}, {"type": "object"}, {"type": "object", "properties": {}}])
async def test_a_tool_without_parameters_is_called_with_none(calls, schema):
    tool = {"type": "function", "function": {"name": "ping", "parameters": schema}}
    assert await calls("Ping!", tools=[tool]) == [("ping", {})]


async def test_a_schema_that_no_value_meets_is_refused_by_place(calls):
    tool = function("f", "", ["x"], x={"type": "integer", "minimum": 5, "maximum": 4})
    with pytest.raises(UnsupportedParameter, match="cannot make arguments for `f`") as refusal:
        await calls("Hi", tools=[WEATHER, tool], tool_choice={"type": "function", "function": {"name": "f"}})
    assert refusal.value.param == "tools[1].function.parameters"


def custom(**form):
    return {"type": "custom", "custom": {"name": "run_code", **form}}


async def test_a_custom_tool_is_given_the_request(whole):
    call = (await whole("Run code to add", tools=[custom()])).choices[0].message.tool_calls[0]
    assert (call.type, call.custom.name, call.custom.input) == ("custom", "run_code", "Run code to add")


async def test_a_custom_tool_follows_its_regular_expression(whole):
    form = {"type": "grammar", "grammar": {"syntax": "regex", "definition": "[a-z]+=\\d+"}}
    call = (await whole("Run code: x=42 please", tools=[custom(format=form)])).choices[0].message.tool_calls[0]
    assert call.custom.input == "x=42"


async def test_a_lark_grammar_is_refused(whole):
    form = {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: A"}}
    with pytest.raises(UnsupportedParameter, match="no `lark` grammar"):
        await whole("Run", tools=[custom(format=form)])


async def test_a_legacy_function_is_called_in_the_legacy_form(whole):
    legacy = {"name": "add", "parameters": WEATHER["function"]["parameters"]}
    choice = (await whole("Add Rome", functions=[legacy])).choices[0]
    assert choice.finish_reason == "function_call"
    assert json.loads(choice.message.function_call.arguments) == {"location": "Rome"}
    assert choice.message.tool_calls is None


async def test_a_legacy_function_result_is_reported(text):
    assert (
        await text({"role": "user", "content": "Add"}, {"role": "function", "name": "add", "content": "5"})
        == "add returned: 5"
    )
