"""Credentials: what is found and what is not. All of them are made up, and put together so that no scanner minds."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import zlib

import pytest

from stack.apis.safety import CheckedMessage, Shield
from stack.errors import InvalidRequest
from stack.providers.inline.safety.secrets import Config, Secrets
from stack.providers.inline.secrets.rules import RULES
from stack.testing.deps import provider_deps
from stack.testing.safety import SafetyContract

BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
BODY = "Ab3dE5fG7hJ9kL1mN3pQ5rS7tU9vWx"
LINE = "MIIEpAIBAAKCAQEA0Z3VS5JJcds3xfn/ygWyF8PbnGy0AHB7MaGBir7OqhHuXx8n"
BEGIN, END = ("-----" + word + " RSA PRIVATE" + " KEY-----" for word in ("BEGIN", "END"))


def with_crc(prefix, body=BODY):
    number, digits = zlib.crc32(body.encode()), ""
    for _ in range(6):
        number, rest = divmod(number, 62)
        digits = BASE62[rest] + digits
    return prefix + body + digits


def jwt(header, claims=None):
    parts = (json.dumps(part).encode() for part in (header, claims or {"sub": "1"}))
    return ".".join([*(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts), "c2lnbmF0dXJl" * 4])


def private_key(lines):
    return "\n".join([BEGIN, *[LINE] * lines, END])


def secrets(**settings):
    return Secrets(Config(**settings), provider_deps("secrets"))


async def report_of(text, **settings):
    return await secrets(**settings).run_shield(Shield("mine"), [CheckedMessage("user", text)])


async def found(text, **settings):
    findings = (await report_of(text, **settings)).findings
    return [(each.category.removeprefix("secrets/"), text[each.start : each.end]) for each in findings]


class TestToken(SafetyContract):
    violating = with_crc("ghp" + "_")

    @pytest.fixture
    async def provider(self):
        made = secrets()
        await made.initialize()
        return made


class TestShortKey(SafetyContract):
    violating = private_key(3)

    @pytest.fixture
    async def provider(self):
        return secrets()


@pytest.mark.parametrize(
    ("rule", "token"),
    [
        ("npm_token", with_crc("npm" + "_")),
        ("aws_key_id", "AKIA" + "J3K5L7M2N4P6Q3R5"),
        ("anthropic_key", "sk-" + "ant-api03-" + (BODY * 4)[:93] + "AA"),
        ("openai_project_key", "sk-" + "proj-" + BODY + "T3Blbk" + "FJ" + BODY),
        ("slack_token", "xox" + "b-918273645546-2837465918273-" + BODY[:24]),
        ("stripe_key", "sk" + "_live_" + BODY[:24]),
        ("google_api_key", "AIza" + "Sy" + BODY + "abc"),
        ("gitlab_token", "glpat" + "-" + BODY[:20]),
        ("pypi_token", "pypi-" + "AgEIcHlwaS5vcmc" + BODY * 2),
        ("jwt", jwt({"alg": "HS256"})),
    ],
)
async def test_tokens_are_known_by_their_issuers_form(rule, token):
    assert await found(f'x = "{token}"; print(x)') == [(rule, token)]


@pytest.mark.parametrize(
    ("text", "hit"),
    [
        ("postgres://app:hunt" + "er22x@db:5432/x", "hunt" + "er22x"),
        ("postgres://app:${PASSWORD}@db/x", None),
        ("postgres://user:password@localhost/x", None),
        ("http://host:8080/a@b", None),
        ("password = 'Tr0ub4dor" + "&3'", "Tr0ub4dor" + "&3"),
        ("password = os.environ['DB_PASSWORD_1']", None),
        ("password: str = Field(default=1)", None),
        ("my password is correct", None),
        ("api_key: <YOUR-API-KEY-123>", None),
    ],
)
async def test_passwords_are_told_from_what_stands_for_one(text, hit):
    assert [secret for _, secret in await found(text)] == ([hit] if hit else [])


@pytest.mark.parametrize(
    "text",
    [
        "ghp" + "_" + "A" * 36,
        with_crc("ghp" + "_")[:-1] + "0",
        "AKIA" + "IOSFODNN7EXAMPLE",
        "sk-" + "x" * 48,
        jwt({"alg": "none"}),
        jwt(["HS256"]),
        "eyJub3QganNvbg.eyJub3QganNvbg.c2lnbmF0dXJlc2lnbmF0dXJl",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "550e8400-e29b-41d4-a716-446655440000",
        "data:image/png;base64," + base64.b64encode(bytes(range(256))).decode(),
        BEGIN.replace("RSA PRIVATE", "PUBLIC") + LINE * 4,
        "a file that starts with " + BEGIN,
        "SKU" + "a1b2c3d4" * 4,
    ],
)
async def test_what_is_merely_random_or_a_placeholder_is_let_be(text):
    assert await found(text) == []


async def test_a_long_key_is_found_whole_in_pieces():
    text = f"before {private_key(40)} after"
    pieces = [piece for _, piece in await found(text)]
    assert "".join(pieces) == private_key(40)
    window = (await secrets().describe_shield(Shield("mine"))).window_chars
    assert max(map(len, pieces)) <= window


async def test_a_long_key_without_an_end_is_an_objection_to_the_whole_text():
    [each] = (await report_of("so: " + private_key(40)[:1_500])).findings
    assert (each.category, each.start) == ("secrets/private_key", None)


async def test_rules_can_be_chosen_and_left_out():
    text = with_crc("ghp" + "_") + " " + jwt({"alg": "HS256"})
    assert [rule for rule, _ in await found(text, rules=["jwt"])] == ["jwt"]
    assert [rule for rule, _ in await found(text, skip=["jwt"])] == ["github_token"]


async def test_what_is_allowed_passes():
    token = with_crc("ghp" + "_")
    assert await found(token, allow=[token]) == []


async def test_what_is_told_names_the_kind_and_not_the_secret():
    token = with_crc("ghp" + "_")
    report = await report_of(token)
    assert [each.mask for each in report.findings] == ["[GITHUB_TOKEN]"]
    assert token not in repr(report)


@pytest.mark.parametrize("before", [32_720, 32_760, 32_768])
async def test_nothing_hides_where_pieces_of_a_long_text_meet(before):
    token = with_crc("ghp" + "_")
    assert await found("x" * (before - 1) + " " + token) == [("github_token", token)]


@pytest.mark.parametrize("piece", ["eyJ", "sk-", "a:", BEGIN, "aws_", "password=Example1$x ", "ab://x:", "xoxb-1-"])
async def test_text_made_to_be_slow_takes_no_time(piece):
    async with asyncio.timeout(60):
        with contextlib.suppress(InvalidRequest):  # of too many candidates, also in time
            await found(piece * (1_000_000 // len(piece)))


@pytest.mark.parametrize("param", ["rules", "skip"])
async def test_an_unknown_rule_is_refused_by_name(param):
    with pytest.raises(InvalidRequest, match=f"`{param}` names `githb_token`.*`github_token`"):
        await secrets().describe_shield(Shield("mine", params={param: ["githb_token"]}))


def test_rules_are_sorted_and_named_once():
    names = [rule.name for rule in RULES]
    assert sorted(set(names)) == sorted(names)
