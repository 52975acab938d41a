"""Faults that are told by a status, with every body and header that real services put beside it."""

from __future__ import annotations

import time
from email.utils import formatdate
from urllib.parse import quote

from stack.testing.exchange import Exchange
from stack.testing.faults.table import Table

TABLE = Table()
STATUS = r"fault-(?P<status>[45]\d\d)"
HTML = "text/html; charset=utf-8"


@TABLE.add("fault-503", STATUS)
async def status_only(exchange: Exchange, status: str) -> None:
    """That status, 400 to 599, with OpenAI's error object."""
    await exchange.fail(int(status))


@TABLE.add("fault-429-retry-after-2", STATUS + r"-retry-after-(?P<seconds>-?\d+)")
async def retry_after(exchange: Exchange, status: str, seconds: str) -> None:
    """That status and Retry-After in seconds."""
    await exchange.fail(int(status), headers={"retry-after": seconds, "x-ratelimit-remaining-requests": 0})


@TABLE.add("fault-429-retry-after-ms-250", STATUS + r"-retry-after-ms-(?P<milliseconds>\d+)")
async def retry_after_ms(exchange: Exchange, status: str, milliseconds: str) -> None:
    """That status and retry-after-ms in milliseconds."""
    await exchange.fail(int(status), headers={"retry-after-ms": milliseconds})


@TABLE.add("fault-429-retry-after-date-3", STATUS + r"-retry-after-date-(?P<seconds>\d+)")
async def retry_after_date(exchange: Exchange, status: str, seconds: str) -> None:
    """That status and Retry-After as an HTTP date, N seconds from now."""
    date = formatdate(time.time() + int(seconds), usegmt=True)
    await exchange.fail(int(status), headers={"retry-after": date})


@TABLE.add("fault-503-should-retry-false", STATUS + r"-should-retry-(?P<answer>true|false)")
async def should_retry(exchange: Exchange, status: str, answer: str) -> None:
    """That status and x-should-retry."""
    await exchange.fail(int(status), headers={"x-should-retry": answer})


@TABLE.add("fault-429-quota")
async def quota(exchange: Exchange) -> None:
    """429 with code insufficient_quota: no retry can help."""
    await exchange.fail(429, "the quota of this account is used up", "insufficient_quota")


@TABLE.add("fault-400-context")
async def context(exchange: Exchange) -> None:
    """400 with code context_length_exceeded."""
    await exchange.fail(400, "the model's context is 8 tokens long, this request has more", "context_length_exceeded")


@TABLE.add("fault-400-content-filter")
async def content_filter(exchange: Exchange) -> None:
    """400 with code content_filter."""
    await exchange.fail(400, "the prompt was refused by a content filter", "content_filter")


@TABLE.add("fault-401-echo-key")
async def echo_key(exchange: Exchange) -> None:
    """401 whose message repeats the credentials that came with the request."""
    headers = exchange.request.headers
    sent = [headers[name] for name in ("authorization", "api-key", "x-api-key") if name in headers]
    await exchange.fail(401, f"incorrect API key provided: {' '.join(sent)}")


@TABLE.add("fault-502-html", STATUS + "-html")
async def html(exchange: Exchange, status: str) -> None:
    """That status with a web page, as proxies send."""
    page = f"<!doctype html><title>{status}</title><h1>{status}</h1><p>nothing behind this proxy answers</p>"
    await exchange.reply(int(status), page.encode(), HTML)


@TABLE.add("fault-503-empty", STATUS + "-empty")
async def empty(exchange: Exchange, status: str) -> None:
    """That status without a body or content type."""
    await exchange.reply(int(status), b"", "")


@TABLE.add("fault-400-detail", STATUS + "-detail")
async def detail(exchange: Exchange, status: str) -> None:
    """That status with `{"detail": "text"}`."""
    await exchange.reply(int(status), {"detail": f"the upstream fails with {status}"})


@TABLE.add("fault-400-error-text", STATUS + "-error-text")
async def error_text(exchange: Exchange, status: str) -> None:
    """That status with `{"error": "text"}`."""
    await exchange.reply(int(status), {"error": f"the upstream fails with {status}"})


@TABLE.add("fault-flaky-30", r"fault-flaky-(?P<percent>\d+)")
async def flaky(exchange: Exchange, percent: str) -> None:
    """503 for P percent of the requests, by the seed of the upstream; else a correct answer."""
    fails = exchange.random.random() * 100 < int(percent)
    await (exchange.fail(503) if fails else exchange.ok())


@TABLE.add("fault-redirect", r"fault-redirect(?:-(?P<status>30[12378]))?")
async def redirect(exchange: Exchange, status: str = "307") -> None:
    """307 (or -30x) to another page of this upstream; `redirect_followed` counts who went there."""
    await exchange.reply(int(status), b"", "", {"location": f"/trap?model={quote(exchange.answer.model)}"})
