"""Logs: one line per event on stderr, with every known secret masked on the way out."""

from __future__ import annotations

import base64
import logging
import sys
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

import structlog

MASK = "***"


class Redactor:
    """Masks the given secrets, also as they look in URLs, in base64 and in JSON."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets for form in _forms(secret)}
        self._forms = sorted(forms, key=len, reverse=True)

    def __call__(self, _logger: Any, _name: str, event: Any) -> Any:
        return {key: self.redact(value) for key, value in event.items()}

    def redact(self, value: Any) -> Any:
        """The value with every secret in it replaced."""
        if isinstance(value, str):
            for form in self._forms:
                value = value.replace(form, MASK)
            return value
        if isinstance(value, Mapping):
            return {key: self.redact(item) for key, item in value.items()}
        if isinstance(value, list | tuple | set):
            return [self.redact(item) for item in value]
        return value if isinstance(value, int | float | bool | None) else self.redact(str(value))


def _forms(secret: str) -> set[str]:
    raw = secret.encode()
    escaped = secret.replace("\\", "\\\\").replace('"', '\\"')
    return {secret, quote(secret, safe=""), base64.b64encode(raw).decode(), escaped} - {""}


def configure_logs(secrets: Iterable[str] = (), level: int = logging.INFO) -> None:
    """Write this process's logs, ours and those of the libraries, to stderr; called once by the command line."""
    redactor = Redactor(secrets)
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        redactor,
    ]
    colours = sys.stderr.isatty()
    plain = structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"], bool_as_flag=False)
    renderer = structlog.dev.ConsoleRenderer() if colours else plain
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processor=_plain(renderer)))
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)


def _plain(renderer: Any) -> Any:
    def render(logger: Any, name: str, event: Any) -> Any:
        event.pop("_record", None)
        event.pop("_from_structlog", None)
        return renderer(logger, name, event)

    return render
