import pytest

from stack.config.placeholders import BadPlaceholder, expand, parse, variables

ENVIRON = {"A": "a", "EMPTY": "", "TEMPLATE": "${env.A}$$", "lower_1": "l"}


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("plain {text} with $dollar$ and }", "plain {text} with $dollar$ and }"),
        ("${env.A}", "a"),
        ("<${env.A}${env.lower_1}>", "<al>"),
        ("${env.A:=d}", "a"),
        ("${env.NONE:=d}", "d"),
        ("${env.EMPTY:=d}", "d"),
        ("${env.NONE:=}", ""),
        ("${env.A:+v}", "v"),
        ("${env.NONE:+v}", ""),
        ("${env.EMPTY:+v}", ""),
        ("${env.A:+}", ""),
        ("${env.NONE:=${env.EMPTY:=x}}y", "xy"),
        ("${env.NONE:=${env.A}${env.A:+!}}", "a!"),
        ("${env.A:+[${env.NONE:=n}]}", "[n]"),
        ('${env.NONE:={"a": {"b": 1}}}', '{"a": {"b": 1}}'),
        ("$${env.A}", "${env.A}"),
        ("$$${env.A}", "$a"),
        ("${env.NONE:=$${env.A}}", "${env.A}"),
        ("a$$b", "a$b"),
        ("${env.TEMPLATE}", "${env.A}$$"),
        ("${env.A:=:+}", "a"),
        ("${env.NONE:=${env.A:+http://x/{id}}}", "http://x/{id}"),
    ],
)
def test_a_template_expands_to(template: str, text: str):
    missing: list[str] = []
    assert expand(parse(template), ENVIRON, missing) == text
    assert missing == []


@pytest.mark.parametrize(
    ("template", "names"),
    [
        ("${env.X}", ["X"]),
        ("${env.X}${env.EMPTY}", ["X", "EMPTY"]),
        ("${env.A:=${env.X}}", []),
        ("${env.NONE:=${env.X}}", ["X"]),
        ("${env.NONE:+${env.X}}", []),
        ("${env.A:+${env.X}}", ["X"]),
    ],
)
def test_a_required_variable_is_missing_only_where_it_is_needed(template: str, names: list[str]):
    missing: list[str] = []
    expand(parse(template), ENVIRON, missing)
    assert missing == names


@pytest.mark.parametrize(
    ("template", "hint"),
    [
        ("${X}", "write `${env.X}`"),
        ("${X:=d}", "write `${env.X}`"),
        ("${}", "`${env.NAME:=default}`"),
        ("${env}", "`${env.NAME:=default}`"),
        ("${env.}", "`${env.NAME:=default}`"),
        ("${env.1X}", "`${env.NAME:=default}`"),
        ("${file:/etc/key}", "`${env.NAME:=default}`"),
        ("${ env.X}", "`${env.NAME:=default}`"),
        ("${env.x:-y}", "write `${env.x:=default}`"),
        ("${env.X-y}", "write `${env.X:=default}`"),
        ("${env.X=y}", "write `${env.X:=default}`"),
        ("${env.X:?y}", "must go on with `}`"),
        ("${env.X.Y}", "must go on with `}`"),
        ("${env.X", "must go on with `}`"),
        ("${env.X:=y", "without its closing `}`"),
        ("${env.X:={}", "without its closing `}`"),
        ("${env.A:=${X}}", "write `${env.X}`"),
        ("${env.X:=" * 21 + "}" * 21, "nested more than 20 deep"),
        ("${env.X:=" * 100_000, "nested more than 20 deep"),
    ],
)
def test_an_unknown_form_is_an_error_that_says_the_right_one(template: str, hint: str):
    with pytest.raises(BadPlaceholder) as caught:
        parse(template)
    assert hint in caught.value.message


def test_a_bad_form_never_shows_what_may_be_part_of_a_secret():
    with pytest.raises(BadPlaceholder) as caught:
        parse("pass${hunter2}word")
    assert not any(part in caught.value.message for part in ("pass", "hunter2", "word"))


def test_every_variable_of_a_template_is_known():
    assert list(variables(parse("${env.A:=${env.B}}-${env.C:+${env.A}}"))) == ["A", "B", "C", "A"]
