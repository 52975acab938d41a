"""The fixture `exchanges`, as the tests of somebody else's package use it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from stack.testing.upstream import upstream_thread

CONFTEST = 'pytest_plugins = ["stack.testing.pytest_plugin"]\n'
TEST = """\
import os
from stack import StackAsLibraryClient

def test_it_answers(exchanges):
    state_dir = os.environ["STACK_STATE_DIR"]
    env = {"GROQ_API_KEY": "gsk-canary", "GROQ_BASE_URL": os.environ["BASE_URL"], "STACK_STATE_DIR": state_dir}
    with StackAsLibraryClient("groq", env=env) as client:
        for text in os.environ["TEXTS"].split():
            said = [{"role": "user", "content": text}]
            assert client.chat.completions.create(model="groq/ok", messages=said).choices
"""


TWICE = (
    TEST.replace("def test_it_answers(exchanges):", "def ask(texts):").replace('os.environ["TEXTS"]', "texts")
    + """
class TestOne:
    def test_it_answers(self, exchanges):
        ask("one")

class TestTwo:
    def test_it_answers(self, exchanges):
        ask("two")
"""
)


@pytest.fixture
def tests(tmp_path):
    """`tests("one two", *options)`: what pytest says of the package's tests, where it asks for these texts."""
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_it.py").write_text(TEST)

    def run(texts, *options, base_url="http://127.0.0.1:9/v1"):
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options]
        env = {**os.environ, "TEXTS": texts, "BASE_URL": base_url}
        return subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False).stdout

    return run


def test_tests_of_one_name_in_two_classes_keep_their_own(tests, tmp_path):
    (tmp_path / "test_it.py").write_text(TWICE)
    with upstream_thread() as upstream:
        assert "2 passed" in tests("", "--record-exchanges", base_url=upstream.base_url)
    assert "2 passed" in tests("")


def test_a_test_records_once_and_is_replayed_from_then_on(tests, tmp_path):
    assert "record it with `pytest --record-exchanges`" in tests("one")
    with upstream_thread() as upstream:
        assert "1 passed" in tests("one two", "--record-exchanges", base_url=upstream.base_url)
    assert (tmp_path / "recordings/test_it/test_it_answers/groq/chat-completions").is_dir()
    assert "1 passed" in tests("one two")
    assert "unused: " in tests("one")
    assert '`body.messages[0].content` is "three", recorded was "one"' in tests("three")
