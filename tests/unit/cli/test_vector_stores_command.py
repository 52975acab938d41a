"""`stack vector-stores`: what it prints and how it ends, with a stack in its own process."""

from __future__ import annotations

import json

import pytest

from stack.testing.server_process import free_port

RUN = """
providers:
  inference: [{provider_id: playground, provider_type: inline::playground}]
  vector_io: [{provider_id: vec, provider_type: "inline::sqlite-vec"}]
  files: [{provider_id: local, provider_type: inline::localfs}]
storage: {state_dir: "${env.STATE}"}
"""


@pytest.fixture
def stores(stack, tmp_path):
    """`stores("ingest", "d")`: on a stack whose state is a folder of the test; `d` holds two files."""
    (tmp_path / "run.yaml").write_text(RUN)
    (tmp_path / "d").mkdir()
    (tmp_path / "d/a.md").write_text("The shop opens at nine.")
    (tmp_path / "d/b.txt").write_text("Cars park behind the house.")
    return lambda *said: stack("vector-stores", *said, "--config", "run.yaml", "--env", f"STATE={tmp_path / 'state'}")


def test_files_are_added_listed_and_found(stores):
    added = stores("ingest", "d", "--attributes", "year=2024")
    assert (added.exit_code, sorted(added.stderr.splitlines())) == (
        0,
        ["added d/a.md: chunks: 1", "added d/b.txt: chunks: 1"],
    )
    assert added.stdout.endswith(": 2 files (2 added, 0 replaced, 0 unchanged, 0 failed), 2 chunks\n")
    assert stores("list").stdout.splitlines()[1].split()[1:] == ["default", "completed", "2", "0"]
    found = stores("search", "When does the shop open?", "--limit", "1").stdout.splitlines()
    assert found[1].split("  ")[1:] == ["a.md  ".strip(), "The shop opens at nine."]


def test_said_again_it_does_only_what_has_changed(stores, tmp_path):
    stores("ingest", "d", "--concurrency", "1")
    (tmp_path / "d/a.md").write_text("The shop opens at ten.")
    again = stores("ingest", "d", "--concurrency", "1")
    assert again.stderr.splitlines() == ["replaced d/a.md: chunks: 1", "unchanged d/b.txt: chunks: 1"]


def test_a_file_that_fails_is_in_the_summary_and_in_the_status(stores, tmp_path):
    (tmp_path / "d/c.bin").write_bytes(b"\x7fELF\x02\x01\x01" + bytes(64))
    ended = stores("ingest", "d")
    assert ended.exit_code == 1
    assert ended.stdout.splitlines()[-1].startswith("d/c.bin  unsupported_file: the file is a program")


def test_a_store_is_named_by_name_or_id_and_made_once(stores):
    said = [stores("ingest", "d/a.md", "--store", "pets").stdout.split(":")[0]]
    said += [stores("ingest", "d/a.md", "--store", name).stdout.split(":")[0] for name in ("pets", said[0])]
    assert len(set(said)) == 1


@pytest.mark.parametrize(
    ("written", "value"),
    [("year=2024", 2024.0), ("ratio=0.5", 0.5), ("is=true", True), ("n=NaN", "NaN"), ('t="7"', "7"), ("t=a=b", "a=b")],
)
def test_attributes_are_what_they_look_like(written, value):
    from stack.cli.vector_stores import Attribute

    key, read = Attribute().convert(written, None, None)
    assert (key, read, type(json.loads(json.dumps(read)))) == (written.partition("=")[0], value, type(read))


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (["ingest", "nowhere"], "does not exist"),
        (["ingest", "d", "--include", "*.pdf"], "there are no such files"),
        (["ingest", "d", "--attributes", "year"], "write KEY=VALUE"),
        (["ingest", "d", "--attributes", "path=x"], "use another key"),
        (["ingest", "d", "--chunking", "99"], "write `auto`, SIZE or SIZE/OVERLAP"),
        (["ingest", "d", "--chunking", "100/60"], "at most half"),
        (["ingest", "d", "--url", "http://127.0.0.1:9"], "not both"),
    ],
)
def test_what_cannot_be_meant_is_refused(stores, said, why):
    ended = stores(*said)
    assert (ended.exit_code, why in ended.stderr) == (2, True)


@pytest.mark.parametrize("name", ["nope", "vs_" + "0" * 32])
def test_a_store_that_is_not_there_is_named(stores, name):
    ended = stores("search", "x", "--store", name)
    assert (ended.exit_code, f"there is no vector store `{name}`" in ended.stderr) == (1, True)


@pytest.mark.parametrize("key", ["k\u00e9y", "key\n"])
def test_a_key_that_no_header_can_carry_is_told_without_it(stack, key):
    ended = stack("vector-stores", "list", "--api-key", key)
    assert ended.exit_code == 2
    assert "copy the key again" in ended.stderr
    assert key not in ended.stderr


def test_a_stack_that_does_not_answer_is_named(stack, tmp_path):
    url = f"http://127.0.0.1:{free_port()}"
    ended = stack("vector-stores", "list", "--url", url)
    assert (ended.exit_code, f"`{url}` does not answer" in ended.stderr) == (1, True)
