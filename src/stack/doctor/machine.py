"""Whether this machine can serve: Python, the port, and how many files may be open."""

from __future__ import annotations

import errno
import resource
import socket
import sys

from stack.config.models import ServerConfig
from stack.doctor.findings import Check, Findings

OLDEST_PYTHON = (3, 11)
FEW_FILES = 4096  # each stream takes two: the caller's socket and the upstream's
ELSEWHERE = "say other `--host` and `--port` to `stack run`"


def machine_findings(server: ServerConfig) -> Findings:
    """All of them; nothing is left open."""
    open_files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    checks = (check_python(sys.version_info[:3]), check_port(server.host, server.port), check_open_files(open_files))
    return Findings("machine", checks)


def check_python(version: tuple[int, ...]) -> Check:
    shown = ".".join(map(str, version))
    if version >= OLDEST_PYTHON:
        return Check("python", "ok", shown)
    wanted = ".".join(map(str, OLDEST_PYTHON))
    return Check("python", "failed", f"{shown} is too old", f"use Python {wanted} or newer: `make run PYTHON=python3`")


def check_port(host: str, port: int) -> Check:
    """Whether `stack run` could listen. A port that is taken is a warning: the stack may be what runs there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        if error.errno == errno.EADDRINUSE:
            found = f"`{host}:{port}` is taken, which is fine if it is this stack that runs there"
            return Check("port", "warning", found, "say `--port` to `stack run`, or stop what listens there")
        return Check("port", "failed", f"`{host}:{port}`: {reason}", ELSEWHERE)
    except UnicodeError:
        return Check("port", "failed", f"`{host}` is no name of a host", ELSEWHERE)
    return Check("port", "ok", f"{host}:{port} is free")


def check_open_files(limit: int) -> Check:
    """limit: the hard one, up to which the server raises the other."""
    if limit == resource.RLIM_INFINITY or limit >= FEW_FILES:
        return Check("open files", "ok", "no limit" if limit == resource.RLIM_INFINITY else f"up to {limit}")
    found = f"only {limit} may be open, too few for many streams at a time"
    return Check("open files", "warning", found, "ulimit -n 65536 (as root, or `LimitNOFILE=65536` in systemd's unit)")
