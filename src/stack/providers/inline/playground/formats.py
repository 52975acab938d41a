"""The string formats of JSON Schema: does a text conform, and what is an example. https://json-schema.org/draft/2020-12"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from urllib.parse import urlsplit
from uuid import UUID

_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_TIME = re.compile(r"\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)")
_DATE_TIME = re.compile(_DATE.pattern + "[Tt]" + _TIME.pattern)
_DURATION = re.compile(r"P(?:\d+W|(?=.*\d)(?:\d+Y)?(?:\d+M)?(?:\d+D)?(?:T(?=\d)(?:\d+H)?(?:\d+M)?(?:\d+S)?)?)")
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOSTNAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*")
_EMAIL = re.compile(rf"[\w.!#$%&'*+/=?^`{{|}}~-]{{1,64}}@{_LABEL}(?:\.{_LABEL})+")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_MAX_LENGTH = 2_000
_FIRST_DAY = date(2025, 1, 1)


@dataclass(frozen=True, slots=True)
class Format:
    """conforms: may raise ValueError for no. example: one per number."""

    conforms: Callable[[str], object]
    example: Callable[[int], str]


def _is_uri(text: str) -> bool:
    parts = urlsplit(text)
    return bool(parts.scheme and (parts.netloc or parts.path) and not re.search(r"\s", text))


def _day(number: int) -> str:
    return (_FIRST_DAY + timedelta(days=number)).isoformat()


_URI = Format(_is_uri, lambda n: f"https://example.com/{n or ''}")
_URI_REFERENCE = Format(lambda text: not re.search(r"\s", text), lambda n: f"/{n or ''}")
_EMAIL_FORMAT = Format(_EMAIL.fullmatch, lambda n: f"someone{n or ''}@example.com")
_HOSTNAME_FORMAT = Format(_HOSTNAME.fullmatch, lambda n: f"host{n or ''}.example.com")

FORMATS = {
    "date": Format(lambda text: _DATE.fullmatch(text) and date.fromisoformat(text), _day),
    "date-time": Format(
        lambda text: _DATE_TIME.fullmatch(text) and datetime.fromisoformat(text.upper()),
        lambda n: f"{_day(n)}T09:00:00Z",
    ),
    "time": Format(
        # Midnight is a time that is false in no Python since 3.5.
        lambda text: _TIME.fullmatch(text) and time.fromisoformat(text),
        lambda n: f"{9 + n % 12:02}:{n // 12 % 60:02}:00Z",
    ),
    "duration": Format(_DURATION.fullmatch, lambda n: f"P{n + 1}D"),
    "email": _EMAIL_FORMAT,
    "idn-email": _EMAIL_FORMAT,
    "hostname": _HOSTNAME_FORMAT,
    "idn-hostname": _HOSTNAME_FORMAT,
    "ipv4": Format(ipaddress.IPv4Address, lambda n: f"192.0.2.{(n + 1) % 256}"),
    "ipv6": Format(ipaddress.IPv6Address, lambda n: f"2001:db8::{n + 1:x}"),
    "uri": _URI,
    "iri": _URI,
    "uri-reference": _URI_REFERENCE,
    "iri-reference": _URI_REFERENCE,
    "uuid": Format(lambda text: _UUID.fullmatch(text) and UUID(text), lambda n: str(UUID(int=n + 1, version=4))),
}


def conforms(name: str, text: str) -> bool:
    """Whether a text has the named format; a format that is not known says nothing."""
    known = FORMATS.get(name)
    if known is None:
        return True
    try:
        return len(text) <= _MAX_LENGTH and bool(known.conforms(text))
    except ValueError:
        return False
