"""What may not stand in a recording: credentials, by where they stand, by what they are, and by how they look."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from stack.logs import MASK, Redactor
from stack.providers.remote.upstream import UpstreamRequest

# Headers whose values are no secrets; any other one may hold a key under a name of a vendor's own.
PLAIN = frozenset(("accept", "accept-encoding", "anthropic-version", "content-type", "user-agent", "x-request-id"))
_NAME = re.compile(r"(?:access|refresh|id)_?token|api_?key|client_secret|assertion|password|secret", re.IGNORECASE)
_LOOK = re.compile(r"\b(?:sk|gsk|xai|nvapi|hf|pplx|tgp)[-_](?=[\w-]*[0-9])[\w-]{16,}|\bBearer +[\w.~+/=-]{8,}")
_SHORTEST = 6  # a header or parameter of fewer characters is a flag or a number, not a key


class Redaction:
    """Masks what it was told, and what it sees requests authorised with. One for all exchanges of a recording."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._redactor = Redactor(secrets)
        self._known: set[str] = set()

    def learn(self, request: UpstreamRequest, credential: str | None) -> None:
        """Mask what this request carries to be let in."""
        found = {secret for secret in _carried(request, credential) if len(secret) >= _SHORTEST} - self._known
        if found:
            self._known |= found
            self._redactor.add(found)

    def clean(self, value: Any) -> Any:
        """JSON without secrets."""
        if isinstance(value, dict):
            return {self.clean(name): _kept(name, self.clean(item)) for name, item in value.items()}
        if isinstance(value, list):
            return [self.clean(item) for item in value]
        return _LOOK.sub(MASK, self._redactor.redact(value)) if isinstance(value, str) else value

    def body(self, data: bytes, content_type: str) -> Any:
        """A request's body as it is recorded: JSON, else text; of a form, the fields that name secrets are masked."""
        text = data.decode("utf-8", "replace")
        if content_type.startswith("application/x-www-form-urlencoded"):
            fields = parse_qsl(text, keep_blank_values=True)
            return urlencode([(name, _kept(name, self.clean(value))) for name, value in fields])
        try:
            return self.clean(json.loads(text)) if text else {}
        except ValueError:
            return self.clean(text)

    def headers(self, headers: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
        """Those of the headers that are there, without secrets."""
        return {name: self.clean(headers[name]) for name in names if name in headers}


def _kept(name: str, value: Any) -> Any:
    return MASK if isinstance(value, str) and _NAME.fullmatch(name) else value


def _carried(request: UpstreamRequest, credential: str | None) -> Iterator[str]:
    yield credential or ""
    for name, value in request.headers.items():
        if name not in PLAIN:
            yield value
            yield value.partition(" ")[2]  # behind `Bearer`
    for _, value in parse_qsl(urlsplit(request.url).query):
        yield value if not re.fullmatch(r"[\d-]+(?:-preview)?", value) else ""  # versions are dates
