"""Results of moderations that leave parts out."""

from __future__ import annotations

import pytest

from stack.formats.moderations import Judgement, findings


@pytest.mark.parametrize(
    ("categories", "scores", "found"),
    [
        ({"hate": True}, {}, ["hate"]),
        ({"hate": True}, {"hate": None, "violence": 0.7}, ["violence", "hate"]),
        ({}, {}, ["moderation/flagged"]),
        ({"hate": True}, {"hate": 0.1}, []),
    ],
)
def test_a_threshold_lets_nothing_pass_for_want_of_a_score(categories, scores, found):
    judgement = Judgement(flagged=True, categories=categories, category_scores=scores)
    told = findings(judgement, 0, 0.5)
    assert [each.category for each in told] == found
    assert all(each.score >= 0.5 for each in told)
