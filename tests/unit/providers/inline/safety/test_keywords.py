"""Words and patterns: what they find, where, and what they refuse."""

from __future__ import annotations

import asyncio

import pytest

from stack.apis.safety import CheckedMessage, ModerationRequest, Shield
from stack.errors import InvalidRequest
from stack.providers.inline.safety.keywords import MAX_FINDINGS, Config, Keywords
from stack.testing.deps import provider_deps
from stack.testing.safety import SafetyContract


def keywords(**settings):
    return Keywords(Config(**settings), provider_deps("keywords"))


async def found(text, **settings):
    report = await keywords(**settings).run_shield(Shield("mine"), [CheckedMessage("user", text)])
    return [text[each.start : each.end] for each in report.findings]


class TestWords(SafetyContract):
    violating = "the blue falcon"

    @pytest.fixture
    async def provider(self):
        made = keywords(words=["Blue Falcon"])
        await made.initialize()
        return made


class TestPatterns(SafetyContract):
    violating = "ticket ZX-1234"

    @pytest.fixture
    async def provider(self):
        made = keywords(patterns=[r"\bzx-\d{4}\b"])
        await made.initialize()
        return made


@pytest.mark.parametrize(
    ("text", "hits"),
    [
        ("bad", ["bad"]),
        ("Bad, BAD bad bad", ["Bad", "BAD", "bad", "bad"]),
        ("badly forbade _bad", []),
        ("ein Übel übel.", ["Übel", "übel"]),
        ("Зло злой", ["Зло"]),
        ("a  b c a b cd", ["a  b", "a b"]),
        ("𝔘 bad 𝔘 bad", ["bad", "bad"]),
    ],
)
async def test_words_stand_alone(text, hits):
    assert await found(text, words=["bad", "übel", "зло", "a b", "a b c d"]) == hits


async def test_a_phrase_is_found_whole_though_a_word_of_it_is_one_too():
    words = ["project", "project nightjar", "nightjar"]
    assert await found("the project  nightjar is", words=words) == ["project  nightjar"]


@pytest.mark.parametrize("settings", [{"words": ["bomb"]}, {"patterns": [f"b{i}omb" for i in range(1_000)]}])
async def test_others_are_served_while_many_texts_are_judged(settings):
    request = ModerationRequest(input=["x" * 1_500] * 100)
    judging = asyncio.ensure_future(keywords(**settings).run_moderation(Shield("mine"), request))
    served = 0
    while not judging.done():
        await asyncio.sleep(0)
        served += 1
    assert served >= len((await judging).results)


async def test_many_patterns_are_searched_for_in_a_thread():
    guard = keywords(patterns=[f"b{i}omb" for i in range(1_000)])
    judging = asyncio.ensure_future(guard.run_shield(Shield("mine"), [CheckedMessage("user", "x" * 10_000)]))
    for _ in range(3):
        await asyncio.sleep(0)
    assert not judging.done()
    assert (await judging).findings == ()


async def test_letters_may_be_told_apart():
    assert await found("Bad bad", words=["bad"], case_sensitive=True) == ["bad"]


async def test_a_long_match_is_found_in_pieces():
    pieces = await found("secret: " + "x" * 90, patterns=["secret:.*"], max_match_chars=38)
    assert [len(piece) for piece in pieces] == [40, 40, 18]


async def test_too_many_findings_are_one_of_the_whole_text():
    report = await keywords(words=["a"]).run_shield(Shield("mine"), [CheckedMessage("user", "a " * 5_000)])
    assert len(report.findings) == MAX_FINDINGS + 1
    assert (report.findings[-1].start, report.findings[-1].end) == (None, None)


@pytest.mark.parametrize("pattern", [r"(a+)+$", r"(a|aa)+$", r"(.*a){20}$", r"a.*b|a"])
async def test_a_pattern_that_explodes_elsewhere_takes_no_time(pattern):
    async with asyncio.timeout(60):
        await found("a" * 200_000 + "!", patterns=[pattern])


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"patterns": ["ok", "(unclosed"]}, r"`patterns\[1\]` is not a pattern of RE2: missing \)"),
        ({"patterns": [r"(?=ahead)x"]}, "invalid perl operator"),
        ({"patterns": [r"(a)\1"]}, "invalid escape sequence"),
        ({"patterns": ["((a{100}){100}){100}"]}, "invalid repetition size"),
        ({"patterns": [r"\pL{1000}" * 9]}, "pattern too large"),
        ({"patterns": ["a*"]}, "matches the empty text"),
        ({"patterns": ["\ud800"]}, "is not a pattern of RE2"),
        ({"max_match_chars": 0}, "max_match_chars"),
        ({"words": "bad"}, "words"),
        ({"wrods": ["bad"]}, "wrods"),
    ],
)
async def test_bad_settings_of_a_shield_are_refused_by_name(settings, said):
    with pytest.raises(InvalidRequest, match=said):
        await keywords().describe_shield(Shield("mine", params=settings))


async def test_a_provider_with_a_bad_pattern_does_not_start():
    with pytest.raises(InvalidRequest, match="RE2"):
        await keywords(patterns=["("]).initialize()


async def test_params_of_a_shield_stand_in_place_of_the_settings():
    provider = keywords(words=["bad"], category="house/rules")
    shield = Shield("mine", params={"words": ["worse"], "replacement": "***"})
    report = await provider.run_shield(shield, [CheckedMessage("user", "bad and worse")])
    assert [(f.category, f.start, f.mask) for f in report.findings] == [("house/rules", 8, "***")]
