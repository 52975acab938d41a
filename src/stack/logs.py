"""Logs: one line per event on stderr, with every known secret masked on the way out."""

from __future__ import annotations

import base64
import json
import logging
import math
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

import structlog

MASK = "***"
MIN_LENGTH = 4
TRACEBACK_S = 1.0


class Redactor:
    """Masks the secrets that it knows, also as they look in URLs, base64, JSON and tracebacks."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._forms: list[str] = []
        self.add(secrets)

    def add(self, secrets: Iterable[str]) -> None:
        """Mask these as well."""
        # A shorter one is no secret, and masking it would make every line unreadable.
        forms = {form for secret in secrets if len(secret) >= MIN_LENGTH for form in _forms(secret)}
        self._forms = sorted(forms.union(self._forms), key=len, reverse=True)

    def __call__(self, _logger: Any, _name: str, event: Any) -> Any:
        return {key: self.redact(value) for key, value in event.items()}

    def redact(self, value: Any) -> Any:
        """The value with every secret in it replaced."""
        if isinstance(value, str):
            for form in self._forms:
                value = value.replace(form, MASK)
            return value
        if isinstance(value, Mapping):
            return {self.redact(key): self.redact(item) for key, item in value.items()}
        if isinstance(value, list | tuple | set):
            return [self.redact(item) for item in value]
        return value if isinstance(value, int | float | bool | None) else self.redact(str(value))


def _forms(secret: str) -> set[str]:
    raw = secret.encode()
    urls = {quote(secret, safe=""), quote_plus(secret)}
    base64s = {encode(raw).decode().rstrip("=") for encode in (base64.b64encode, base64.urlsafe_b64encode)}
    jsons = {json.dumps(secret, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False)}
    return {secret, repr(secret)[1:-1], *urls, *base64s, *jsons}


def escape_controls(_logger: Any, _name: str, event: Any) -> Any:
    """Texts with what ends a line, colours it or turns it around spelt out: callers choose some of them."""
    return {key: _escaped(key, value) if isinstance(value, str) else value for key, value in event.items()}


def _escaped(key: str, text: str) -> str:
    if text.isprintable():
        return text
    kept = "\n\t" if key in ("exception", "stack") else ""  # our own lines, for people at a terminal
    return "".join(char if char.isprintable() or char in kept else repr(char)[1:-1] for char in text)


class OneTraceback:
    """Shows one traceback a second of each place in the code: printing one takes the process milliseconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._shown: dict[tuple[str, int], float] = {}

    def __call__(self, _logger: Any, _name: str, event: Any) -> Any:
        error = _exception(event.get("exc_info"))
        if error is None:
            return event
        now, place = self._clock(), _place(error)
        if now - self._shown.get(place, -math.inf) < TRACEBACK_S:
            return {**event, "exc_info": None, "error": type(error).__name__}
        self._shown[place] = now
        return event


def _exception(exc_info: Any) -> BaseException | None:
    """What a log call was given, which may be `True` for the exception that is handled now."""
    if isinstance(exc_info, BaseException):
        return exc_info
    found = exc_info[1] if isinstance(exc_info, tuple) else sys.exc_info()[1] if exc_info else None
    return found if isinstance(found, BaseException) else None


def _place(error: BaseException) -> tuple[str, int]:
    """File and line that raised it."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return (trace.tb_frame.f_code.co_filename, trace.tb_lineno) if trace else (type(error).__name__, 0)


class _Stderr:
    """Whatever `sys.stderr` is when a line is written: tests and notebooks replace it."""

    def write(self, text: str) -> None:
        sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


_redactor = Redactor()  # of the whole process: a second stack in it adds its secrets


def configure_logs(secrets: Iterable[str] = (), level: int = logging.INFO) -> None:
    """Write this process's logs, ours and those of the libraries, to stderr; called once by the command line.

    The libraries are heard from warnings on, or with `level` DEBUG in full.
    """
    _redactor.add(secrets)
    shared, renderer = _configure_ours(level)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processor=_plain(renderer)))
    logging.basicConfig(
        handlers=[handler], level=level if level == logging.DEBUG else max(level, logging.WARNING), force=True
    )


def configure_embedded_logs(secrets: Iterable[str]) -> None:
    """Write our own warnings to stderr where this package is a guest, unless the host has configured structlog."""
    _redactor.add(secrets)
    if not structlog.is_configured():
        _configure_ours(logging.WARNING)


def _configure_ours(level: int) -> tuple[list[Any], Any]:
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        OneTraceback(),
        structlog.processors.format_exc_info,
        _redactor,
        escape_controls,
    ]
    plain = structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"], bool_as_flag=False)
    renderer = structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else plain
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(_Stderr()),  # type: ignore[arg-type]  # it only writes and flushes,
    )
    return shared, renderer


def _plain(renderer: Any) -> Any:
    def render(logger: Any, name: str, event: Any) -> Any:
        event.pop("_record", None)
        event.pop("_from_structlog", None)
        return renderer(logger, name, event)

    return render
