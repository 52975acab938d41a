"""The page on how well shields find is what the labelled set gives, and no worse than it should be."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from stack.errors import MissingPackage

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def quality():
    spec = importlib.util.spec_from_file_location("safety_quality", ROOT / "scripts/safety_quality.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


async def test_the_page_is_up_to_date_and_the_shields_hold(quality):
    page = quality.PAGE.read_text()
    assert page.startswith(quality.HEAD)
    for title, tally in await quality.measured():
        assert quality.section(title, tally) in page
        assert tally.right.total() >= 0.8 * (tally.right + tally.missed).total()
        assert tally.alarms <= 0.05 * tally.harmless


async def test_what_it_says_of_meaning_is_up_to_date(quality):
    try:
        title, tally = await quality.measured_by_meaning()
    except MissingPackage as error:
        pytest.skip(str(error))
    assert quality.section(title, tally) in quality.PAGE.read_text()


@pytest.mark.parametrize(("name", "least"), [("pii", 300), ("secrets", 150), ("code", 140), ("prompts", 180)])
def test_the_set_has_many_cases_a_third_of_them_harmless(name, least, quality):
    cases = quality.cases(name)
    assert len({case.text for case in cases}) == len(cases) >= least
    assert sum(not case.found for case in cases) > len(cases) / 3


def test_what_is_to_be_found_stands_in_its_text(quality):
    for name in ("pii", "secrets"):
        for case in quality.cases(name):
            assert all(part in case.text for parts in case.found.values() for part in parts)
