"""The way to a service, step by step: its name, its port, its certificate. Connections are opened and closed.

The client that serves requests is bound to one time for all three; here each has its own, and its own result.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import cache
from urllib.parse import urlsplit

from stack.doctor.findings import Check

PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Service:
    """Where a base URL leads. change: the line that sets another URL; start: the command that starts a local server."""

    scheme: str
    host: str
    port: int
    change: str
    start: str = ""

    @classmethod
    def at(cls, url: str, change: str, start: str = "") -> Service:
        """Raises: ValueError for anything but a plain http(s) URL."""
        parts = urlsplit(url)
        if parts.scheme not in PORTS or not parts.hostname or parts.username is not None:
            raise ValueError("not a plain http(s) URL")
        return cls(parts.scheme, parts.hostname, parts.port or PORTS[parts.scheme], change, start)

    @property
    def origin(self) -> str:
        """What may be shown of the URL: paths and queries can hold keys."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


async def network_checks(service: Service, timeout_s: float, tls: ssl.SSLContext | None = None) -> AsyncIterator[Check]:
    """`dns`, `connect` and, for https, `tls`: those that hold, and the first that does not, which is the last.

    timeout_s: of each. tls: how certificates are judged; by default as the client does.
    """
    for name, step in _steps(service, tls):
        try:
            async with asyncio.timeout(timeout_s):
                await step()
        except (OSError, UnicodeError) as error:
            found = f"{service.origin}: {_reason(name, error, timeout_s)}"
            yield Check(name, "failed", found, _fix(name, error, service))
            return
        yield Check(name, "ok")


Step = Callable[[], Awaitable[object]]


def _steps(service: Service, tls: ssl.SSLContext | None) -> Iterator[tuple[str, Step]]:
    loop = asyncio.get_running_loop()
    yield "dns", lambda: loop.getaddrinfo(service.host, service.port, type=socket.SOCK_STREAM)
    yield "connect", lambda: _open(service, None)
    if service.scheme == "https":
        yield "tls", lambda: _open(service, tls or _tls_context())


async def _open(service: Service, tls: ssl.SSLContext | None) -> None:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_connection(asyncio.Protocol, service.host, service.port, ssl=tls)
    transport.abort()


@cache
def _tls_context() -> ssl.SSLContext:
    return ssl.create_default_context()


def _reason(step: str, error: OSError | UnicodeError, timeout_s: float) -> str:
    if isinstance(error, TimeoutError) and error.errno is None:
        waited = {"dns": "the name was not resolved", "connect": "no connection", "tls": "no TLS handshake"}
        return f"{waited[step]} within {timeout_s:g} s"
    if isinstance(error, UnicodeError | socket.gaierror):
        return "the name does not resolve"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    if step == "tls":
        return "it does not speak TLS there"
    # Several addresses that fail differently come without a number.
    return os.strerror(error.errno).lower() if error.errno else "none of its addresses takes a connection"


def _fix(step: str, error: Exception, service: Service) -> str:
    if step == "dns":
        return (
            f"does `getent hosts {shlex.quote(service.host)}` find it? if so, try again; another name: {service.change}"
        )
    if step == "connect":
        if service.start:
            return f"is a server running at {service.origin}? start it with `{service.start}`, or {service.change}"
        return f"is a server running at {service.origin}, and no firewall in between? elsewhere: {service.change}"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"trust who signed it: export SSL_CERT_FILE=/path/to/ca.pem (or {service.change})"
    return f"if the service speaks plain http there, say `http://`: {service.change}"
