"""Personal data: what is found, what is not, and where; the numbers are made up, with check digits that fit."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from stack.apis.safety import CheckedMessage, Shield
from stack.errors import InvalidRequest
from stack.providers.inline.pii.entities import NAMES
from stack.providers.inline.safety.pii import Config, Pii
from stack.providers.inline.text_shield import scanning
from stack.providers.inline.text_shield.scanning import MAX_FINDINGS
from stack.testing.deps import provider_deps
from stack.testing.safety import SafetyContract

CARD = "4111 1111 1111 1111"


def pii(**settings):
    return Pii(Config(**settings), provider_deps("pii"))


async def found(text, **settings):
    report = await pii(**settings).run_shield(Shield("mine"), [CheckedMessage("user", text)])
    return [(each.category.removeprefix("pii/"), text[each.start : each.end]) for each in report.findings]


class TestCard(SafetyContract):
    violating = CARD

    @pytest.fixture
    async def provider(self):
        made = pii()
        await made.initialize()
        return made


class TestNamedNumber(SafetyContract):
    violating = "the PESEL 44051401359"

    @pytest.fixture
    async def provider(self):
        return pii()

    @pytest.fixture(autouse=True)
    def alone(self):
        self.harmless = "The weather is fine."


@pytest.mark.parametrize(
    "card",
    [
        "4111111111111111",
        "4111-1111-1111-1111",
        "3782 822463 10005",
        "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
        "４１１１１１１１１１１１１１１１",
        "٤١١١١١١١١١١١١١١١",
        "4111\u00a01111\u20111111\u20131111",
        "4111\u200b1111\u20601111\ufeff1111",
        "𝟺𝟷𝟷𝟷𝟷𝟷𝟷𝟷𝟷𝟷𝟷𝟷𝟷𝟷𝟷𝟷",
    ],
)
@pytest.mark.parametrize("lead", ["", "кот é 12 ", "卡号"])
async def test_a_card_is_found_however_it_is_disguised(lead, card):
    assert await found(f"{lead}{card}, thanks") == [("credit_card", card)]


@pytest.mark.parametrize(
    "text",
    [
        "4111 1111 1111 1112",
        "1234 5678 9012 3452",
        "0.4111111111111111",
        "order 4111111111111111",
        "x4111111111111111",
        "41111111111111111",
        "DE88 3704 0044 0532 0130 00",
        "666-12-3456 and 123-45-67890",
        "icon@2x.png",
        "https://u:word@host.com/",
        "git@github.com:a/b.git",
        "version 1.2.3.4",
        "127.0.0.1 255.255.255.0 300.1.1.1",
        "std::vector<face::bad> 10:30:15",
        "00:00:00:00:00:00",
        "threading.local",
        "2024-01-02 10:20:30",
        "+1 999 999 9999",
        "550e8400-e29b-41d4-a716-446655440000",
    ],
)
async def test_what_only_looks_like_it_is_let_be(text):
    assert await found(text) == []


@pytest.mark.parametrize(
    ("text", "hit"),
    [
        ("+44 20 7946 0958 2024", "+44 20 7946 0958"),
        ("0044 20 7946 0958", "0044 20 7946 0958"),
        ("(202) 555-0143", "(202) 555-0143"),
        ("call 2025550143 now", "2025550143"),
        ("2025550143", None),
    ],
)
async def test_phones_are_known_by_their_form_or_by_a_word_beside(text, hit):
    assert await found(text) == ([("phone", hit)] if hit else [])


async def test_without_regions_only_international_numbers_are_phones():
    assert await found("(202) 555-0143, +12025550143", regions=[]) == [("phone", "+12025550143")]


async def test_a_lower_threshold_takes_mere_digits():
    assert await found("44051401359") == []
    assert ("pl_pesel", "44051401359") in await found("44051401359", threshold=0.4, entities=["pl_pesel"])


async def test_the_surest_of_several_readings_counts():
    assert await found("SSN 078-05-1121 or SIN 130 692 544") == [("us_ssn", "078-05-1121"), ("ca_sin", "130 692 544")]


async def test_only_what_is_asked_for_is_found():
    assert await found(f"{CARD} a@b.org 123-45-6788", entities=["national_id"]) == [("us_ssn", "123-45-6788")]


async def test_what_is_allowed_passes():
    assert await found("help@shop.example or anna@shop.example", allow=["Help@Shop.example"]) == [
        ("email", "anna@shop.example")
    ]


async def test_a_mask_names_the_kind():
    report = await pii().run_shield(Shield("mine"), [CheckedMessage("user", "mail a@b.org")])
    assert [each.mask for each in report.findings] == ["[EMAIL]"]


@pytest.mark.parametrize("before", [32_750, 32_760, 32_768, 65_530])
async def test_nothing_hides_where_pieces_of_a_long_text_meet(before):
    assert await found("x" * (before - 1) + f" {CARD} card") == [("credit_card", CARD)]


async def test_too_many_findings_are_one_of_the_whole_text():
    report = await pii().run_shield(Shield("mine"), [CheckedMessage("user", "a@b.org " * 2_000)])
    assert len(report.findings) == MAX_FINDINGS + 1
    assert report.findings[-1].start is None


async def test_more_candidates_than_can_be_checked_are_refused(monkeypatch):
    monkeypatch.setattr(scanning, "MAX_CHECKS", 50)
    with pytest.raises(InvalidRequest, match="split it"):
        await found("4 1 " * 80)


@pytest.mark.parametrize("piece", ["1", "a@", "1.", "::", "(1", "a.", "+1 ", "AB12 "])
async def test_text_made_to_be_slow_takes_no_time(piece):
    async with asyncio.timeout(60):
        with contextlib.suppress(InvalidRequest):  # of too many candidates, also in time
            await found(piece * (300_000 // len(piece)), entities=[name for name in NAMES if name != "phone"])


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"entities": ["emial"]}, "email"),
        ({"entities": []}, "entities"),
        ({"threshold": 2}, "threshold"),
        ({"regions": ["usa"]}, "usa"),
    ],
)
async def test_bad_settings_of_a_shield_are_refused_by_name(settings, said):
    with pytest.raises(InvalidRequest, match=said):
        await pii().describe_shield(Shield("mine", params=settings))
