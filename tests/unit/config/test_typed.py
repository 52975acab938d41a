"""The type of a field decides what its text becomes."""

from pathlib import Path

import pytest
from pydantic import SecretStr

ODD = "odd ${env.A} $$ $ {x} } ' \" : # & * ! % @ ` \\ \t\n--- [a], ü 漢 🙂 \u2028 007"


@pytest.mark.parametrize(
    ("line", "field", "value"),
    [
        ("name: 007", "name", "007"),
        ("name: 1.10", "name", "1.10"),
        ("name: yes", "name", "yes"),
        ("name: 123456", "name", "123456"),
        ("name: 'null'", "name", "null"),
        ("name: ''", "name", ""),
        ("name: null", "name", "acme"),
        ("name: ", "name", "acme"),
        ("region: ~", "region", None),
        ("port: '8321'", "port", 8321),
        ("port: 8321", "port", 8321),
        ("port: ${env.NUMBER}", "port", 8321),
        ("port: ${env.NONE:=99}", "port", 99),
        ("port: ${env.NONE:=}", "port", 80),
        ("port: '${env.EMPTY:=}${env.NONE:+x}'", "port", 80),
        ("name: '${env.NONE:=}-x'", "name", "-x"),
        ("name: ${env.NUMBER}", "name", "8321"),
        ("key: ${env.NONE:=}", "key", None),
        ("key: 0123", "key", SecretStr("0123")),
        ("ratio: 1e-3", "ratio", 0.001),
        ("ca: true", "ca", True),
        ("ca: 'true'", "ca", "true"),
        ("ca: /ca.pem", "ca", "/ca.pem"),
        ("models: '${env.LIST}'", "models", ["a", "b/c", "1"]),
        ("models: [x, '${env.LIST}', '${env.NONE:=}', 1.0]", "models", ["x", "a, b/c,,1", "1.0"]),
        ("ports: '${env.NONE:=1,2}'", "ports", [1, 2]),
        ("headers: {x: 1, y: '${env.NUMBER}', z: '${env.NONE:=}'}", "headers", {"x": "1", "y": "8321"}),
        ("mode: 1", "mode", "1"),
        ("mode: ${env.NONE:=slow}", "mode", "slow"),
        ("folder: ./x", "folder", Path("x")),
        ("retry: ", "retry.attempts", 3),
        ("retry: {attempts: '${env.NONE:=7}'}", "retry.attempts", 7),
    ],
)
def test_a_field_takes(acme, line: str, field: str, value: object):
    found = acme(line, NUMBER="8321", LIST="a, b/c,,1", EMPTY="")
    for name in field.split("."):
        found = dict(found)[name]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("text", ["true", "TRUE", "yes", "1", "on"])
@pytest.mark.parametrize("form", ["verify: {}", "verify: '{}'", "verify: ${{env.NONE:={}}}"])
def test_words_for_yes(acme, form: str, text: str):
    assert acme(form.format(text)).verify is True


@pytest.mark.parametrize("text", ["false", "False", "no", "0", "off"])
def test_words_for_no(acme, text: str):
    assert acme("verify: ${env.VERIFY}", VERIFY=text).verify is False


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("-1.5e3", -1500.0),
        ("true", True),
        ("null", None),
        ("yes", "yes"),
        ("007", "007"),
        ("'1'", "1"),
        ("'null'", "null"),
        ("1_000", "1_000"),
        ("1e999", "1e999"),
        (".nan", ".nan"),
        ("2024-01-01", "2024-01-01"),
        ("'${env.ONE}'", "1"),
        ("[1, {a: 2.5}, '${env.NONE:=}']", [1, {"a": 2.5}]),
    ],
)
def test_an_untyped_value_is_what_json_would_make_of_it(acme, text: str, value: object):
    assert acme(f"extra: {{v: {text}}}", ONE="1").extra == {"v": value}


@pytest.mark.parametrize("secret", [ODD, *ODD.split(), " ", "true", "0", "${env.KEY}", "__disabled__", "a" * 10_000])
@pytest.mark.parametrize("form", ["key: ${env.KEY}", "key: '${env.KEY:=other}'", 'key: "${env.NONE:=${env.KEY}}"'])
def test_any_secret_arrives_unchanged(acme, secret: str, form: str):
    assert acme(form, KEY=secret).key.get_secret_value() == secret


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("port: 70000", "config.port: must be an integer from 1 to 65535"),
        ("port: 8.5", "must be an integer from 1 to 65535"),
        ("port: ''", "must be an integer from 1 to 65535"),
        ("port: [1]", "must be an integer from 1 to 65535"),
        ("port: {a: 1}", "must be an integer from 1 to 65535"),
        ("ratio: 0", "must be a number greater than 0"),
        ("verify: maybe", "must be true or false"),
        ("ca: [x]", "config.ca: must be true or false or text"),
        ("models: a,b", "must be a list"),
        ("models: [a, null]", "config.models[1]: must be text"),
        ("models: [a, {b: c}]", "config.models[1]: must be text"),
        ("ports: '${env.NONE:=1,x}'", "config.ports: must be an integer"),
        ("headers: [a]", "must be a mapping"),
        ("headers: {'${env.A}': b}", "placeholders are not read in keys"),
        ("mode: quick", "must be one of `fast`, `slow`, `1`"),
        ("tier: silver", "must be one of `free`, `paid`"),
        ("retry: 3", "must be a mapping"),
        ("hops: [{}, {attempts: 11}]", "config.hops[1].attempts: must be an integer from 0 to 10"),
        ("hops: [{}, {attempt: 1}]", "config.hops[1].attempt: unknown key `attempt`: did you mean `attempts`?"),
        ("zzz: 1", "unknown key `zzz`: known here are `name`, `region`"),
        ('"a\\nb": 1', "unknown key `a\\nb`"),
        ("folder: /", "config.folder: the root folder is not for us"),
        ("name: '${env.NONE}${env.OTHER}'", "`NONE`, `OTHER` are unset or empty"),
    ],
)
def test_a_wrong_value_is_told_in_a_sentence(problems, acme_file, line: str, message: str):
    (problem,) = problems(acme_file(line))
    assert message in problem
    assert len(problem.splitlines()) == 1


@pytest.mark.parametrize("field", ["port", "ratio", "verify", "retry", "tier", "headers", "mode", "folder", "ports"])
def test_no_message_shows_a_value_from_the_environment(problems, acme_file, field: str):
    (problem,) = problems(acme_file(f"{field}: ${{env.KEY}}"), KEY="/secret-place")
    assert "secret-place" not in problem


def test_an_item_after_one_that_came_out_empty_is_told_by_its_own_place(problems, acme_file):
    (problem,) = problems(acme_file("hops: ['${env.NONE:=}', {attempts: 99}]"))
    assert problem.startswith("run.yaml:7:42: providers.inference[0].config.hops[1].attempts: must be an integer")
