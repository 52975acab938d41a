"""What reading one file may cost. More is a file that fails, with the limit in its message."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """memory_bytes: address space of the child process. text_bytes: UTF-8 of the result, 4 million tokens or so.

    plain_bytes: size of a file that is read whole, such as HTML. unpacked_bytes, entries, ratio: of an archive, all
    entries together; ratio is bytes out per byte in, counted after the first MiB.
    """

    wall_s: float = 120.0
    cpu_s: int = 60
    memory_bytes: int = 1024 * MIB
    open_files: int = 64
    text_bytes: int = 16 * MIB
    plain_bytes: int = 64 * MIB
    unpacked_bytes: int = 200 * MIB
    entries: int = 10_000
    ratio: int = 100
    pages: int = 5_000
    spans: int = 10_000
