"""A run.yaml that cannot be served: exit 2 within seconds, every problem with its place, no traceback, no value."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache

import pytest

PROBLEMS = """\
version: 2
image_name: broken
apis: [inference]
providers:
  inference:
  - provider_id: one
    provider_type: remote::openai-compatible
    config: {base_url: "http://127.0.0.1:1/v1", first_byte_timeout_s: soon, api_kye: the-value-of-a-secret}
  - provider_id: two
    provider_type: remote::vlm
server:
  port: many
"""
UNSET = """\
version: 2
providers:
  inference:
  - {provider_id: one, provider_type: remote::vllm, config: {base_url: "${env.FIRST_MISSING}"}}
  - {provider_id: two, provider_type: remote::groq, config: {api_key: "${env.SECOND_MISSING}"}}
"""
NOT_YAML = "version: 2\nproviders: [inference\nserver: {}\n"


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """`stack("run", text)`: exit code, stdout and stderr together, seconds of CPU."""
    path = tmp_path_factory.mktemp("refused") / "run.yaml"

    @cache
    def stack(command, text):
        path.write_text(text)
        began = os.times()
        ended = subprocess.run(
            [sys.executable, "-m", "stack", command, path], capture_output=True, text=True, timeout=120
        )
        used = sum(os.times()[2:4]) - sum(began[2:4])  # of children: what else this machine does takes none of it
        return ended.returncode, ended.stdout + ended.stderr, used

    return stack


@pytest.mark.parametrize("text", [PROBLEMS, UNSET, NOT_YAML], ids=["problems", "unset", "not-yaml"])
def test_it_ends_with_2_at_once_and_shows_no_traceback(stack, text):
    code, said, seconds = stack("run", text)
    assert code == 2
    assert seconds < 5
    assert "Traceback" not in said
    assert "the-value-of-a-secret" not in said


@pytest.mark.parametrize("place", [":8:", ":10:", ":12:"])
@pytest.mark.parametrize("command", ["run", "check"])
def test_all_problems_are_told_at_once_with_their_places(stack, command, place):
    assert f"run.yaml{place}" in stack(command, PROBLEMS)[1]


def test_the_nearest_known_words_are_told(stack):
    said = stack("run", PROBLEMS)[1]
    assert all(f"`{name}`" in said for name in ("api_key", "remote::vllm"))


def test_every_variable_that_is_missing_is_named_at_once(stack):
    said = stack("run", UNSET)[1]
    assert all(name in said for name in ("FIRST_MISSING", "SECOND_MISSING"))


def test_check_says_the_same(stack):
    assert stack("run", PROBLEMS)[1] == stack("check", PROBLEMS)[1]
