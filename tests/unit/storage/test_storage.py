"""The state directory: private, local, and opened once."""

from __future__ import annotations

import asyncio
import os
import stat

import pytest

from stack.errors import StorageError
from stack.storage import Storage
from stack.storage.filesystem import filesystem_of

MOUNTS = """\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:40 / /home rw - nfs4 server:/home rw
31 30 0:41 / /home/local rw - xfs /dev/vdb rw
32 22 0:42 / /mnt/with\\040space rw - cifs //server/share rw
33 22 0:43 / /srv rw - ext4 /dev/vdc rw
34 33 0:44 / /srv rw - fuse.sshfs host:/srv rw
35 22 0:45 / /media/stick rw - fuseblk /dev/sda1 rw
"""


def modes(folder):
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.iterdir())}


async def test_nothing_is_made_before_it_is_asked_for(state_dir):
    await Storage(state_dir).close()
    assert not state_dir.exists()


async def test_everything_is_for_its_owner_alone(storage, state_dir, database, put):
    previous = os.umask(0)
    try:
        await database.write(put("a"))
        storage.path("files")
    finally:
        os.umask(previous)
    found = modes(state_dir)
    assert {"items.db", "items.db-wal", "items.db-shm", "files", "backups", "state"} == found.keys()
    assert {mode for name, mode in found.items() if ".db" in name} == {0o600}
    assert {mode for name, mode in found.items() if ".db" not in name} == {0o700}


async def test_a_database_that_others_could_read_is_made_private(state_dir):
    state_dir.mkdir(mode=0o700)
    (state_dir / "items.db").touch(0o644)
    storage = Storage(state_dir)
    await storage.database("items")
    assert modes(state_dir)["items.db"] == 0o600
    await storage.close()


async def test_a_database_is_opened_once(storage):
    first, second = await asyncio.gather(storage.database("items"), storage.database("items"))
    assert first is second


@pytest.mark.parametrize("name", ["", "../up", "a/b", "A", "backups", ".hidden", "a.b", "x" * 65])
async def test_a_name_is_one_plain_word(storage, name):
    with pytest.raises(StorageError, match="no name for stored state"):
        await storage.database(name)
    with pytest.raises(StorageError, match="no name for stored state"):
        storage.path(name)


async def test_a_directory_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot be used"):
        Storage(tmp_path / "file/state").path("files")


async def test_what_is_closed_gives_nothing_more(storage):
    await storage.close()
    with pytest.raises(StorageError, match="closed"):
        await storage.database("items")


async def test_a_restore_that_did_not_end_is_not_served(storage, state_dir):
    state_dir.mkdir()
    (state_dir / ".restoring").touch()
    with pytest.raises(StorageError, match="did not end"):
        await storage.database("items")


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/var/lib", "ext4"),
        ("/home/me/state", "nfs4"),
        ("/home/local/state", "xfs"),
        ("/homestead", "ext4"),
        ("/mnt/with space/state", "cifs"),
        ("/srv/state", "fuse.sshfs"),
        ("/media/stick/state", "fuseblk"),
    ],
)
def test_the_filesystem_of_a_path_is_that_of_its_last_mount(tmp_path, path, found):
    assert filesystem_of(type(tmp_path)(path), MOUNTS) == found


@pytest.mark.parametrize("filesystem", ["nfs4", "cifs", "smb3", "fuse.sshfs", "9p", "ceph"])
async def test_a_network_filesystem_is_refused(state_dir, tmp_path, monkeypatch, filesystem):
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"22 1 0:1 / / rw - ext4 /dev/vda rw\n23 22 0:2 / {tmp_path} rw - {filesystem} there rw\n")
    monkeypatch.setattr("stack.storage.filesystem.MOUNTS", mounts)
    with pytest.raises(StorageError, match=rf"network filesystem \({filesystem}\)"):
        await Storage(state_dir).database("items")


@pytest.mark.parametrize("filesystem", ["ext4", "xfs", "tmpfs", "overlay", "fuseblk", "fuse.mergerfs", "zfs"])
async def test_a_local_filesystem_is_used(state_dir, tmp_path, monkeypatch, filesystem):
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"22 1 0:1 / / rw - ext4 /dev/vda rw\n23 22 0:2 / {tmp_path} rw - {filesystem} here rw\n")
    monkeypatch.setattr("stack.storage.filesystem.MOUNTS", mounts)
    assert Storage(state_dir).path("files").is_dir()
