"""Addresses of hosts and of their network cards."""

from __future__ import annotations

import ipaddress
import re

_FEW_LABELS = re.compile(r"[A-Za-z]+\.[a-z]+")


def ipv4(written: str) -> int:
    """An address that tells something: no loopback, no netmask, no 0.0.0.0."""
    try:
        address = ipaddress.IPv4Address(written)
    except ValueError:
        return 0
    dull = (
        address.is_loopback or address.is_multicast or address.packed[0] in (0, 255) or address.packed[1:] == b"\0\0\0"
    )
    return 0 if dull else len(written)


def ipv6(written: str) -> int:
    """An address with a digit in it, which names of modules in C++ or Rust lack."""
    try:
        address = ipaddress.IPv6Address(written)
    except ValueError:
        return 0
    dull = address.is_loopback or address.is_unspecified or not any(map(str.isdigit, written)) or len(written) < 5
    return 0 if dull else len(written)


def mac(written: str) -> int:
    """An address that is neither all zeros nor everybody's, with one kind of separator."""
    digits = re.sub("[:.-]", "", written.lower())
    return len(written) if len(set(written) & set(":-.")) == 1 and digits not in ("0" * 12, "f" * 12) else 0


def internal_host(written: str) -> int:
    """A name that means a host: more than two labels, a digit or a hyphen, which `threading.local` lacks."""
    return 0 if _FEW_LABELS.fullmatch(written) else len(written)
