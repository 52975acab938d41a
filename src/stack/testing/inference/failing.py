"""Checks of failures: each way of a service to fail is told as what it is, by whom, and without secrets."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from stack.apis.context import RequestContext, request_context
from stack.errors import StackError, UpstreamError
from stack.testing.inference.checks import Group, equal, require
from stack.testing.inference.subject import NotSupported, Subject

FAILURES = Group("failures")
SOON_S = 0.25
PATIENCE_S = 30.0
NOBODY = "http://127.0.0.1:9"  # the discard port, which nothing serves


@dataclass(frozen=True, slots=True)
class Failure:
    """How the service fails, and what that is to the caller. retryable: whether the same request may succeed later."""

    name: str
    fault: str
    status: int
    sentence: str
    code: str | None = None
    retryable: bool | None = None


WHOLE = (
    Failure(
        "bad request", "fault-400", 400, "A request that the service refuses is the caller's to mend.", None, False
    ),
    Failure("wrong key", "fault-401", 502, "A key that is refused is the operator's.", "upstream_auth_failed", False),
    Failure("forbidden", "fault-403", 502, "So is one that may not do this.", "upstream_auth_failed", False),
    Failure("unknown model", "fault-404", 404, "A model that is not served is told.", "model_not_found", False),
    Failure("no more credit", "fault-429-quota", 429, "An empty account is told.", "insufficient_quota", False),
    Failure("server error", "fault-500", 502, "A service that breaks is a bad gateway.", None, True),
    Failure("overloaded", "fault-503", 503, "A service that is busy stays unavailable.", None, True),
    Failure("web page", "fault-502-html", 502, "A proxy's web page is an error like others.", None, True),
    Failure("broken JSON", "fault-malformed-json", 502, "An answer that is no JSON is the service's fault."),
    Failure("other JSON", "fault-wrong-schema", 502, "So is one of another form."),
    Failure("error with status 200", "fault-error-200", 502, "An error that comes with status 200 is one."),
    Failure("reset", "fault-reset", 502, "A connection that breaks is told as such.", "upstream_reset", True),
    Failure("half an answer", "fault-reset-midbody", 502, "So is one that breaks within the answer.", None, True),
)
STREAMED = (
    Failure("stream: refused", "fault-503", 503, "A stream that does not begin fails with a status."),
    Failure("stream: reset", "fault-reset-midstream", 502, "A stream that breaks does not end as if it were whole."),
    Failure("stream: cut short", "fault-truncated-stream", 502, "Nor does one that ends without a finish reason."),
    Failure("stream: error within", "fault-stream-error", 502, "An error among the events ends the stream as one."),
    Failure("stream: not JSON", "fault-invalid-sse", 502, "So does an event that is no JSON."),
)


def _told(error: BaseException | None, subject: Subject, failure: Failure) -> None:
    """Whether a failure came as what it is."""
    if error is None:
        raise AssertionError(f"the service failed (`{failure.fault}`), and the answer came as if it had not")
    if not isinstance(error, StackError):
        raise AssertionError(f"`{type(error).__name__}` was raised, which is no StackError: {error}") from error
    require(isinstance(error, UpstreamError), f"`{type(error).__name__}` does not say that the service failed")
    equal(error.status, failure.status, f"`status` of the error (`{error.message}`)")
    equal(error.provider_id, subject.provider_id, "`provider_id` of the error")
    if failure.code is not None:
        equal(error.code, failure.code, "`code` of the error")
    if failure.retryable is not None:
        equal(error.retryable, failure.retryable, "`retryable` of the error")


async def _raised(subject: Subject, *, stream: bool = False) -> BaseException | None:
    try:
        await (subject.stream_chat() if stream else subject.chat())
    except AssertionError:
        return None  # it ended, though not as a whole answer: nothing was raised that says why
    except Exception as error:
        return error
    return None


def _add(failure: Failure, *, stream: bool) -> None:
    async def run(subject: Subject) -> None:
        with subject.at_ours(failure.fault):
            error = await _raised(subject, stream=stream)
        _told(error, subject, failure)

    run.__doc__ = failure.sentence
    FAILURES.check(failure.name, needs_fake=True)(run)


for _failure in WHOLE:
    _add(_failure, stream=False)
for _failure in STREAMED:
    _add(_failure, stream=True)


@FAILURES.check("rate limit", needs_fake=True)
async def rate_limit(subject: Subject) -> None:
    """A service that refuses for now is told with its Retry-After."""
    with subject.at_ours("fault-429-retry-after-2"):
        error = await _raised(subject)
    _told(error, subject, Failure("", "fault-429-retry-after-2", 429, "", "rate_limit_exceeded", True))
    equal(error.retry_after if isinstance(error, UpstreamError) else None, "2", "`retry_after` of the error")


@FAILURES.check("unreachable", needs_fake=True)
async def unreachable(subject: Subject) -> None:
    """A service that nobody runs is unreachable."""
    with subject.led_to(NOBODY):
        error = await _raised(subject)
    _told(error, subject, Failure("", NOBODY, 502, "", None, True))


@FAILURES.check("silence", needs_fake=True)
async def silence(subject: Subject) -> None:
    """A service that says nothing is waited for no longer than the request's deadline."""
    with subject.at_ours("fault-hang"), _deadline():
        try:
            async with asyncio.timeout(PATIENCE_S):
                error = await _raised(subject)
        except TimeoutError as late:
            raise AssertionError("the deadline of the request passed, and nothing happened") from late
    if not isinstance(error, StackError):
        raise AssertionError(f"the deadline passed, and `{error!r}` was raised")
    equal(error.status, 504, f"`status` of the error (`{error.message}`)")


@contextmanager
def _deadline() -> Iterator[None]:
    """Within this, requests have little time."""
    token = request_context.set(RequestContext(deadline=asyncio.get_running_loop().time() + SOON_S))
    try:
        yield
    finally:
        request_context.reset(token)


@FAILURES.check("no secret", needs_fake=True)
async def no_secret(subject: Subject) -> None:
    """A service that repeats the key in its error does not make it known to the caller."""
    if not subject.key:
        raise NotSupported("it has no key of ours")
    with subject.at_ours("fault-401-echo-key"):
        error = await _raised(subject)
    if not isinstance(error, StackError):
        raise AssertionError(f"the service refused the key, and `{error!r}` was raised")
    told = f"{error.envelope()}{error.headers()}{error}"
    require(subject.key not in told, "the error repeats the key")
