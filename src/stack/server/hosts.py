"""Whom a request is addressed to.

A web page can give its own name the address of this machine (DNS rebinding), and then read what a server without
keys answers: the browser sends that name as `Host`, which tells such requests apart.
"""

from __future__ import annotations

import ipaddress
import re
from contextlib import suppress
from functools import lru_cache

from stack.config.models import ServerConfig
from stack.errors import Forbidden, InvalidRequest, RequestError

_HOST = re.compile(rb"(?P<name>\[[0-9A-Fa-f:.]+\]|[^\[\]:@/\\\s]*)(?::[0-9]{1,5})?")
_ABSOLUTE = re.compile(rb"https?://(?P<host>[^/?#]+)", re.IGNORECASE)
_REMEMBERED = 64  # hosts, which callers choose


def open_to_others(config: ServerConfig) -> str | None:
    """What is wrong with a server that others reach without a key, None if it is not so."""
    if is_loopback(config.host) or config.auth.api_keys:
        return None
    return (
        f"`{config.host}` can be reached by others and no API key is configured: set `server.auth.api_keys`,"
        " or serve on 127.0.0.1, or say `--insecure-no-auth`"
    )


class Hosts:
    """The names that one server answers to; ports do not count, since tunnels change them."""

    def __init__(self, config: ServerConfig) -> None:
        self._any = not config.allowed_hosts and (bool(config.auth.api_keys) or not is_loopback(config.host))
        self._names = frozenset(name.lower() for name in config.allowed_hosts)

    def refusal(self, target: bytes, hosts: list[bytes]) -> RequestError | None:
        """What is wrong with whom a request is addressed to. target: of the request line; hosts: of its headers."""
        # RFC 9112, section 3.2: a proxy before us could take a request with two for another one than we do.
        if len(hosts) > 1:
            return InvalidRequest("the request has more than one header `host`", code="invalid_http")
        if not target.startswith((b"/", b"*")):  # a whole URL, whose host counts, and not the header
            absolute = _ABSOLUTE.match(target)
            if absolute is None:
                return InvalidRequest("the request's target is neither a path nor an `http` URL", code="invalid_http")
            hosts = [absolute["host"]]
        if self._any or not hosts or self._names_us(hosts[0]):
            return None
        what = "this server is not known by the name in the header `host`: use `localhost`, or list the name in"
        return Forbidden(f"{what} `server.allowed_hosts`", code="bad_host")

    def _names_us(self, host: bytes) -> bool:
        name, is_ours = _named(host)
        return is_ours or name in self._names


@lru_cache(_REMEMBERED)
def _named(host: bytes) -> tuple[str, bool]:
    """The name in a `Host` header, empty if it is malformed, and whether it always means this machine."""
    match = _HOST.fullmatch(host)
    name = match["name"].decode("latin-1").strip("[]").lower().removesuffix(".") if match else ""
    return name, is_loopback(name)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"
