"""Masks over texts that were put together."""

from __future__ import annotations

import json

import pytest

from stack.apis.safety import Finding
from stack.routing.shields.texts import Mask, Passage, Segment, Slot, encoded, masked, masks_of
from stack.routing.shields.trail import Verdict, header_of


@pytest.mark.parametrize(
    ("masks", "texts"),
    [
        ([], ["abc", "def"]),
        ([Mask(0, 3, "#")], ["#", "def"]),
        ([Mask(1, 2, "##")], ["a##c", "def"]),
        ([Mask(2, 5, "#")], ["ab#", "f"]),
        ([Mask(0, 6, "#")], ["#", ""]),
        ([Mask(0, 1, "1"), Mask(1, 2, "2"), Mask(5, 6, "3")], ["12c", "de3"]),
        ([Mask(3, 4, "")], ["abc", "ef"]),
    ],
)
def test_a_mask_stands_where_its_text_began(masks, texts):
    assert masked([Segment(0, "abc"), Segment(3, "def")], masks) == texts


def test_a_mask_that_began_before_leaves_no_word():
    assert masked([Segment(3, "def")], [Mask(1, 5, "#")]) == ["f"]


def test_many_masks_in_many_texts_take_time_that_grows_with_both_alone():
    looked = 0

    class Counted(Mask):
        @property
        def end(self):
            nonlocal looked
            looked += 1
            return super().end

    texts = masked([Segment(at, "ab") for at in range(0, 2_000, 2)], [Counted(at, at + 1, "#") for at in range(999)])
    assert "".join(texts).count("#") == 999
    assert looked < 10_000


def test_overlapping_findings_are_one_mask():
    found = [Finding("b", start=2, end=5), Finding("a", start=1, end=3), Finding("c", start=5, end=6), Finding("d")]
    assert masks_of(found) == [Mask(1, 5, "[a]"), Mask(5, 6, "[c]")]


def test_parts_of_a_message_are_lines_of_one_text():
    parts = [{"text": "one two"}, {"text": "three"}]
    passage = Passage("user", [Slot(part, "text", part["text"]) for part in parts])
    assert passage.message().text == "one two\nthree"
    passage.mask([Mask(4, 13, "#")])
    assert parts == [{"text": "one #"}, {"text": ""}]


@pytest.mark.parametrize("text", ["é ☂ \U0001f600", "half \ud83d", "\u2028"])
def test_any_text_is_encoded(text):
    assert json.loads(encoded({"a": text})) == {"a": text}


def test_the_header_stays_short():
    verdict = Verdict("shield", "p", "input", checks=1)
    value = header_of([verdict] * 500)
    assert len(value) < 2_100
    assert value.endswith(", ...")
