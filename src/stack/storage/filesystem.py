"""The state directory: private, and on a disk whose locks and shared memory can be trusted."""

from __future__ import annotations

import re
from pathlib import Path

from stack.errors import StorageError

MOUNTS = Path("/proc/self/mountinfo")
# Their locks or shared memory fail between machines, and SQLite then loses data. Local ones on FUSE pass.
NETWORK = re.compile(
    r"(nfs\d?|cifs|smb\w*|ncpfs?|afs|9p|ceph|glusterfs|lustre|beegfs|gpfs|ocfs2|gfs2?|coda|davfs)"
    r"|fuse\.(sshfs|rclone|s3fs|goofys|gcsfuse|mount-s3|blobfuse2?|davfs2?|curlftpfs|smbnetfs"
    r"|glusterfs|ceph|ceph-fuse|juicefs|seaweedfs|moosefs|nfs|webdav|gvfsd-fuse|google-drive-ocamlfuse)"
)


def make_private(path: Path) -> Path:
    """The directory, made with its parents if it is not there; what is made is for its owner alone. Raises: OSError."""
    for missing in [p for p in (*reversed(path.parents), path) if not p.exists()]:
        missing.mkdir(mode=0o700, exist_ok=True)
    return path


def check_local(path: Path) -> None:
    """Refuse a directory on a network filesystem. Only Linux tells; elsewhere nothing is refused.

    Raises: StorageError naming the filesystem.
    """
    if MOUNTS.exists():
        found = filesystem_of(path.resolve(), MOUNTS.read_text(encoding="utf-8", errors="surrogateescape"))
        if found and NETWORK.fullmatch(found):
            raise StorageError(
                f"`{path}` is on a network filesystem ({found}), where a database would lose data: set"
                " `storage.state_dir` to a directory on a local disk"
            )


def filesystem_of(path: Path, mounts: str) -> str:
    """The type of the filesystem that holds a resolved path, empty if unknown.

    mounts: as /proc/self/mountinfo has them; a later mount covers an earlier one.
    Source: proc_pid_mountinfo(5): spaces and the like in a path are octal escapes.
    """
    found, depth = "", -1
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        point = Path(re.sub(r"\\([0-7]{3})", lambda escape: chr(int(escape[1], 8)), before.split()[4]))
        if path.is_relative_to(point) and len(point.parts) >= depth:
            found, depth = after.split()[0], len(point.parts)
    return found
