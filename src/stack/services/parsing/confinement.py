"""What the child may do: compute, read files, and answer on its pipe.

Limits of the kernel bound memory, time and files; an audit hook refuses what a library that was led astray could try.
It is no sandbox against machine code: that would take a container. https://docs.python.org/3/library/audit_events.html
"""

from __future__ import annotations

import os
import signal
import sys

from stack.services.parsing.limits import Limits

_REFUSED = (
    *(
        "socket.",
        "subprocess.",
        "os.exec",
        "os.fork",
        "os.posix_spawn",
        "os.spawn",
        "os.system",
        "os.startfile",
        "pty.",
    ),
    *("os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.chmod", "os.chown", "os.truncate"),
    *("os.kill", "os.putenv", "shutil.", "ctypes.dlopen", "tempfile.", "webbrowser.", "urllib."),
)
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_NICENESS = 10  # parsing can wait; the server's answers cannot


class Refused(Exception):
    """Something that parsing a file never needs."""


def confine(limits: Limits) -> None:
    """Bind this process, for good. Where the system has no such limits (Windows), the parent's clock remains."""
    if sys.platform != "win32":
        import resource

        os.nice(_NICENESS)
        # A child whose parent was killed ends by itself.
        signal.setitimer(signal.ITIMER_REAL, limits.wall_s + 1)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu_s, limits.cpu_s + 1))
        resource.setrlimit(resource.RLIMIT_NOFILE, (limits.open_files, limits.open_files))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        if sys.platform == "linux":  # macOS refuses it
            resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))
    sys.addaudithook(_refuse)


def _refuse(event: str, arguments: tuple[object, ...]) -> None:
    if event.startswith(_REFUSED):
        raise Refused(f"a parser tried `{event}`")
    if event == "open":
        _, mode, flags = arguments
        if (isinstance(flags, int) and flags & _WRITES) or (isinstance(mode, str) and set(mode) & set("wax+")):
            raise Refused("a parser tried to write a file")
