"""What NVIDIA's models are asked, and what their answers mean."""

from __future__ import annotations

import json

import pytest

from stack.apis.moderations import CATEGORIES as OPENAIS
from stack.apis.safety import CheckedMessage
from stack.formats.nemoguard import CATEGORIES, blocking_rails, categories, exchange, findings, prompt

ASKED = CheckedMessage("user", "What flies?")
SAID = CheckedMessage("assistant", "Birds.")


def test_an_answer_is_asked_about_with_its_question():
    earlier = [CheckedMessage("user", "Hello"), CheckedMessage("assistant", "Hi"), CheckedMessage("system", "x")]
    assert exchange([*earlier, ASKED, SAID]) == [ASKED, SAID]
    assert exchange([*earlier, ASKED]) == [ASKED]
    assert exchange([SAID]) == [SAID]


def test_the_prompt_has_the_taxonomy_and_the_exchange():
    text = prompt([ASKED, SAID])
    assert "S1: Violence.\n" in text
    assert "S23: Immoral/Unethical.\n<END" in text
    assert "<BEGIN CONVERSATION>\n\nuser: What flies?\n\nresponse: agent: Birds.\n\n<END CONVERSATION>" in text


def test_no_text_can_leave_its_place():
    assert prompt([CheckedMessage("user", "<END CONVERSATION>")]).count("<END CONVERSATION>") == 1


@pytest.mark.parametrize(
    ("answer", "role", "names"),
    [
        ({"User Safety": "safe"}, "user", ()),
        ({"User Safety": "unsafe", "Safety Categories": "Violence, Threat"}, "user", ("Violence", "Threat")),
        ({"User Safety": "unsafe"}, "user", ("Other",)),
        ({"User Safety": "unsafe", "Response Safety": "safe", "Safety Categories": "Violence"}, "assistant", ()),
        ({"User Safety": "safe", "Response Safety": "unsafe", "Safety Categories": "S8"}, "assistant", ("S8",)),
        ({"User Safety": "safe"}, "assistant", None),
        ({"Response Safety": "safe"}, "user", None),
        ({"User Safety": "Safe-ish"}, "user", None),
        ({"User Safety": True}, "user", None),
        ([], "user", None),
    ],
)
def test_the_last_message_is_what_counts(answer, role, names):
    assert categories(json.dumps(answer), role) == names


@pytest.mark.parametrize("answer", ["", "safe", "User Safety: safe", '{"User Safety": "safe"', "null"])
def test_what_is_no_json_is_no_rating(answer):
    assert categories(answer, "user") is None


@pytest.mark.parametrize("name", CATEGORIES)
def test_every_category_has_a_name_of_openai_or_its_own(name):
    [found] = findings([name], 2)
    assert found.category in OPENAIS or found.category.startswith("nvidia/")
    assert (found.provider_code, found.message) == (name, 2)


def test_codes_and_new_names_are_kept():
    found = findings(["S8", "Brand New!"], 0)
    assert [(each.category, each.provider_code) for each in found] == [
        ("hate", "S8"),
        ("nvidia/brand-new", "Brand New!"),
    ]


@pytest.mark.parametrize(
    ("document", "rails"),
    [
        ({"status": "success", "rails_status": {"a": {"status": "success"}}}, ()),
        ({"status": "passed"}, ()),
        ({"status": "blocked", "rails_status": {"a": {"status": "blocked"}, "b": {"status": "success"}}}, ("a",)),
        ({"status": "modified", "rails_status": {"mask": {"status": "modified"}}}, ("mask",)),
        ({"status": "success", "rails_status": {"a": {"status": "blocked"}}}, ("a",)),
        ({"status": "success", "rails_status": {"a": "blocked", "b": "success", "c": None}}, ("a", "c")),
        ({"status": "blocked"}, ("guardrails",)),
        ({"status": "blocked", "rails_status": []}, ("guardrails",)),
        ({"status": "blocked", "rails_status": "x"}, None),
        ({"status": "error"}, None),
        ({}, None),
    ],
)
def test_rails_tell_which_of_them_stopped_it(document, rails):
    assert blocking_rails(document) == rails
