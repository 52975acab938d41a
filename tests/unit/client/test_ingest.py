"""Files of this machine into a store: once as they are, again where they changed, and told where they fail."""

from __future__ import annotations

import pytest

from stack import StackAsLibraryClient
from stack.client.ingest import Ingest
from stack.client.sources import Source

RUN = """
providers:
  inference: [{provider_id: playground, provider_type: inline::playground}]
  vector_io: [{provider_id: memory, provider_type: inline::memory}]
  files: [{provider_id: local, provider_type: inline::localfs}]
storage: {state_dir: "%s"}
"""


class Heard:
    """What a run told."""

    def __init__(self):
        self.outcomes = []

    def working(self, source, chunks):
        assert chunks >= 0

    def finished(self, outcome):
        self.outcomes.append(outcome)


class Shelf:
    """A store of a stack, a folder, and runs that bring the one into the other."""

    def __init__(self, client, folder):
        self.client, self.folder = client, folder
        self.store = client.vector_stores.create(name="shelf").id
        self.options = {}

    def ingest(self, **texts):
        """Write files, unless there is no text for them, and bring them; results by name."""
        for name, text in texts.items():
            if text is not None:
                (self.folder / name).write_bytes(text.encode())
        heard = Heard()
        Ingest(self.client, self.store, heard, **self.options).run([Source(self.folder / name, name) for name in texts])
        self.errors = {each.source.key: each.error for each in heard.outcomes}
        return {each.source.key: each.result for each in heard.outcomes}

    def files(self):
        return list(self.client.vector_stores.files.list(self.store))

    def texts(self, query, **more):
        found = self.client.vector_stores.search(self.store, query=query, **more).data
        return [each.content[0].text for each in found]


@pytest.fixture
def shelf(tmp_path):
    (tmp_path / "run.yaml").write_text(RUN % (tmp_path / "state"))
    folder = tmp_path / "folder"
    folder.mkdir()
    with StackAsLibraryClient(tmp_path / "run.yaml") as client:
        yield Shelf(client, folder)


def test_new_files_are_added_and_found(shelf):
    assert shelf.ingest(a="Cats sleep.", b="Dogs bark.") == {"a": "added", "b": "added"}
    assert shelf.texts("cats", max_num_results=1) == ["Cats sleep."]


def test_unchanged_files_are_left_alone_and_changed_ones_replaced(shelf):
    shelf.ingest(a="Cats sleep.", b="Dogs bark.")
    before = {file.attributes["path"]: file.id for file in shelf.files()}
    assert shelf.ingest(a="Cats play.", b="Dogs bark.") == {"a": "replaced", "b": "unchanged"}
    after = {file.attributes["path"]: file.id for file in shelf.files()}
    assert (after["b"], after["a"] != before["a"], len(after)) == (before["b"], True, 2)
    assert sorted(shelf.texts("cats dogs")) == ["Cats play.", "Dogs bark."]
    assert before["a"] not in [file.id for file in shelf.client.files.list()]


def test_a_file_that_fails_says_why_and_is_tried_again_by_its_upload(shelf):
    assert shelf.ingest(a="\0\1\2", b="Dogs bark.") == {"a": "failed", "b": "added"}
    assert shelf.errors["a"].startswith("unsupported_file: ")
    assert shelf.ingest(a="\0\1\2") == {"a": "failed"}
    assert len(shelf.files()) == len(list(shelf.client.files.list())) == 2


def test_what_a_file_was_is_found_until_it_is_there_anew(shelf):
    shelf.ingest(a="Cats sleep.")
    assert shelf.ingest(a="\0\1\2") == {"a": "failed"}
    assert shelf.texts("cats") == ["Cats sleep."]
    assert shelf.ingest(a="Cats play.") == {"a": "replaced"}
    assert (shelf.texts("cats"), len(shelf.files())) == (["Cats play."], 1)


def test_a_file_that_was_attached_and_not_waited_for_is_gone_on_with(shelf):
    shelf.ingest(a="Cats sleep.")
    (file,) = shelf.files()
    shelf.client.vector_stores.files.delete(file.id, vector_store_id=shelf.store)
    attributes = file.attributes
    shelf.client.vector_stores.files.create(shelf.store, file_id=file.id, attributes=attributes)
    assert shelf.ingest(a=None)["a"] in ("added", "unchanged")
    assert [each.id for each in shelf.files()] == [file.id]


def test_a_file_whose_upload_was_deleted_is_uploaded_again(shelf):
    shelf.ingest(a="Cats sleep.")
    (file,) = shelf.files()
    shelf.client.files.delete(file.id)
    shelf.options = {
        "chunking": {"type": "static", "static": {"max_chunk_size_tokens": 100, "chunk_overlap_tokens": 0}}
    }
    assert shelf.ingest(a=None) == {"a": "added"}
    assert [each.status for each in shelf.files()] == ["completed"]


def test_other_attributes_are_given_without_reading_a_file_again(shelf):
    shelf.ingest(a="Cats sleep.")
    shelf.options = {"attributes": {"year": 2024}}
    assert shelf.ingest(a=None) == {"a": "unchanged"}
    assert shelf.texts("cats", filters={"type": "gte", "key": "year", "value": 2024}) == ["Cats sleep."]


def test_other_sizes_cut_a_file_anew(shelf):
    shelf.ingest(a="Cats sleep most of the day. " * 100)
    shelf.options = {
        "chunking": {"type": "static", "static": {"max_chunk_size_tokens": 100, "chunk_overlap_tokens": 0}}
    }
    assert (shelf.ingest(a=None), shelf.ingest(a=None)) == ({"a": "added"}, {"a": "unchanged"})
    assert shelf.files()[0].chunking_strategy.static.max_chunk_size_tokens == 100


@pytest.mark.parametrize(("text", "reason"), [(None, "it cannot be read: No such file or directory"), ("", "")])
def test_what_cannot_be_sent_fails_alone(shelf, text, reason):
    assert shelf.ingest(a=text, b="Dogs bark.") == {"a": "failed", "b": "added"}
    assert reason in shelf.errors["a"]
