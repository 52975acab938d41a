"""Characters as readers see them are not cut."""

from __future__ import annotations

import pytest

from stack.services.graphemes import LONGEST, boundary_before, is_boundary

WHOLE = [
    "\u0e01\u0e33",
    "e\u0301",
    "\r\n",
    "👍🏽",
    "👨‍👩‍👧‍👦",
    "🇩🇪",
    "🏴\U000e0067\U000e0062\U000e007f",
    "☺\ufe0f",
    "नि",
    "क्ष",
    "\u1112\u1161\u11ab",
    "\ud558\u11ab",
    "  \u0308"[1:],
]


@pytest.mark.parametrize("cluster", WHOLE)
def test_a_cluster_is_cut_nowhere_inside(cluster: str):
    text = f"a{cluster}b"
    places = [place for place in range(1, len(text)) if is_boundary(text, place, 0)]
    assert places == [1, len(text) - 1]


@pytest.mark.parametrize("text", ["ab", "a\n", "\n\u0301", "🇩🇪🇫🇷", "각나", "漢字", "a\u00e9"])
def test_clusters_are_told_apart(text: str):
    assert is_boundary(text, len(text) // 2, 0)


def test_a_cut_moves_to_the_cluster_before():
    assert boundary_before("ab" + "👨‍👩‍👧‍👦", 6, 0) == 2
    assert boundary_before("abc", 2, 0) == 2


def test_a_cluster_that_is_no_text_is_cut():
    text = "a" + "\u0301" * 10 * LONGEST
    assert boundary_before(text, 5 * LONGEST, 0) == 5 * LONGEST
