"""`stack backup` and `stack restore`: whose state they take, what they say, how they refuse."""

from __future__ import annotations

import asyncio

import pytest

from stack.storage import Storage

RUN = """\
providers: {inference: [{provider_id: here, provider_type: "inline::playground"}]}
storage: {state_dir: "${env.STATE}"}
"""


@pytest.fixture
def kept(tmp_path):
    """A stack's run.yaml, and its state: one row and one file."""
    (tmp_path / "run.yaml").write_text(RUN)
    asyncio.run(keep(tmp_path / "state"))
    return tmp_path


async def keep(state_dir):
    storage = Storage(state_dir)
    database = await storage.database("items", ["CREATE TABLE item (text)"])
    await database.write(lambda connection: connection.execute("INSERT INTO item VALUES ('a')") and None)
    (storage.path("files") / "file-1").write_text("hello")
    await storage.close()


def test_what_is_kept_goes_into_a_folder_and_back(stack, kept):
    saved = stack("backup", "saved", "--config", "run.yaml", "--env", "STATE=state")
    back = stack("restore", "saved", "--config", "run.yaml", "--env", "STATE=new")
    assert (saved.exit_code, back.exit_code) == (0, 0)
    assert saved.stdout == "backed up `state` to `saved`: databases: 1, files: 1, bytes: 8197\n"
    assert back.stdout.startswith("restored `new` from `saved`, of 20")
    assert (kept / "new/files/file-1").read_text() == "hello"


def test_a_folder_in_use_is_a_wrong_use(stack, kept):
    (kept / "saved").mkdir()
    (kept / "saved/mine").touch()
    ended = stack("backup", "saved", "--config", "run.yaml", "--env", "STATE=state")
    assert (ended.exit_code, ended.stderr.count("\n")) == (2, 1)
    assert "not an empty folder" in ended.stderr


def test_a_state_that_is_there_is_not_written_over(stack, kept):
    stack("backup", "saved", "--config", "run.yaml", "--env", "STATE=state")
    ended = stack("restore", "saved", "--config", "run.yaml", "--env", "STATE=state")
    assert ended.exit_code == 2
    assert "not an empty folder" in ended.stderr


def test_a_damaged_backup_is_a_failure(stack, kept):
    stack("backup", "saved", "--config", "run.yaml", "--env", "STATE=state")
    (kept / "saved/databases/items.db").write_bytes(b"")
    ended = stack("restore", "saved", "--config", "run.yaml", "--env", "STATE=new")
    assert ended.exit_code == 1
    assert "nothing was restored: `databases/items.db`" in ended.stderr
    assert not (kept / "new").exists()
