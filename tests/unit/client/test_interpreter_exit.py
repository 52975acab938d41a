"""A program that ends without closing its client."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import openai
from stack import StackAsLibraryClient
client = StackAsLibraryClient("ci-tests")
store = client.vector_stores.create(name="x")
client.vector_stores.files.upload_and_poll(vector_store_id=store.id, file=("a.txt", b"hello"))
{ending}
"""


def ended(ending: str = "") -> subprocess.CompletedProcess[str]:
    program = PROGRAM.format(ending=ending)
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)


def test_a_stack_that_keeps_data_stops_with_the_interpreter_and_says_nothing():
    done = ended()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_client_that_is_gone_by_then_is_no_trouble():
    done = ended("client.close(); del client")
    assert (done.returncode, done.stderr) == (0, "")


def test_an_error_of_the_program_is_all_that_is_told():
    done = ended("raise SystemExit('it failed')")
    assert (done.returncode, done.stderr) == (1, "it failed\n")
