"""What an upstream's refusal becomes: its status by the table below, its own words in `error.upstream`.

429                  429 rate_limit_exceeded (insufficient_quota is kept, and not worth a retry)
500 502 -> 502       503 529 -> 503      504 408 -> 504 upstream_timeout
401 403 on our key   502 upstream_auth_failed; on the caller's own key 401 invalid_api_key, 403 permission_denied
404                  404 model_not_found
other 4xx            the same status, the upstream's code
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pydantic_core

from stack.errors import BadUpstreamReply, RateLimited, UpstreamDetail, UpstreamError, UpstreamRejected, UpstreamTimeout

if TYPE_CHECKING:
    from stack.providers.remote.upstream import UpstreamResponse

MAX_TEXT = 500
_STATUS = {500: 502, 502: 502, 503: 503, 529: 503}
_MILLISECONDS = re.compile(r"[0-9]{1,12}")
# Anything shaped like a key, for the case that the upstream echoes one that is not ours.
_KEY_LIKE = re.compile(r"\b(?:sk|gsk|xai|nvapi|tgp|hf|pplx|key)[-_][\w*-]{8,}|\bBearer\s+\S+", re.IGNORECASE)


Secret = str | tuple[str, ...] | None
"""What calls carry to be let in: one credential, or several."""


def masked(text: str, secret: Secret) -> str:
    """At most 500 characters of an upstream's text, without the credential and without anything shaped like one."""
    for each in filter(None, (secret,) if isinstance(secret, str) else secret or ()):
        text = text.replace(each, "***")
    return _KEY_LIKE.sub("***", text)[:MAX_TEXT]


def detail(status: int | None, error: Any, secret: Secret, request_id: str | None = None) -> UpstreamDetail:
    """What an error object says, in whichever of the usual shapes it comes."""
    if isinstance(error, dict):
        message = error.get("message") or error.get("detail")
        code, kind = error.get("code"), error.get("type")
    else:
        message, code, kind = error, None, None

    def text(value: Any) -> str | None:
        return masked(str(value), secret) if value not in (None, "") else None

    return UpstreamDetail(status, text(code), text(kind), text(message), request_id)


def _error_in(body: bytes) -> Any:
    try:
        document = pydantic_core.from_json(body)
    except ValueError:
        return None
    if isinstance(document, list) and document:  # Google's endpoint wraps the object in a list
        document = document[0]
    return (document.get("error") or document) if isinstance(document, dict) else None


def rejection(
    provider_id: str, response: UpstreamResponse, body: bytes, model: str | None, secret: Secret, *, own_key: bool
) -> UpstreamError:
    """The error for an answer of status 400 and above. own_key: the caller sent the credential."""
    failed = _by_status(provider_id, response, body, model, secret, own_key=own_key)
    if (advice := response.headers.get("x-should-retry")) in ("true", "false"):
        failed.retryable = advice == "true"  # the upstream knows better
    return failed


def _by_status(
    provider_id: str, response: UpstreamResponse, body: bytes, model: str | None, secret: Secret, *, own_key: bool
) -> UpstreamError:
    status = response.status
    error = _error_in(body)
    seen = detail(status, error, secret, masked(response.headers.get("x-request-id", ""), secret) or None)
    common: dict[str, Any] = {"provider_id": provider_id, "phase": "status", "upstream": seen}
    common["retry_after"] = _retry_after(response)
    said = f": {seen.message}" if seen.message else ""
    if status == 429:
        limited = RateLimited(f"provider `{provider_id}` refuses more requests now{said}", type=seen.type, **common)
        if "insufficient_quota" in (seen.code, seen.type):
            limited.code, limited.retryable = "insufficient_quota", False
        return limited
    if status in (401, 403):
        return _auth_failed(status, seen, common, own_key)
    if status in (408, 504):
        return UpstreamTimeout(f"provider `{provider_id}` timed out with status {status}{said}", **common)
    if status == 404 and model is not None:
        common |= {"status": 404, "code": "model_not_found", "type": "invalid_request_error", "param": "model"}
        return UpstreamRejected(f"provider `{provider_id}` does not serve `{provider_id}/{model}`{said}", **common)
    if status < 500:
        param = error.get("param") if isinstance(error, dict) else None
        common |= {"status": status, "code": seen.code, "type": seen.type or "invalid_request_error"}
        common["param"] = param if isinstance(param, str) else None
        refused = UpstreamRejected(seen.message or f"provider `{provider_id}` refused with status {status}", **common)
        refused.retryable = status == 409
        return refused
    failed = UpstreamRejected(
        f"provider `{provider_id}` failed with status {status}{said}", status=_STATUS.get(status, 502), **common
    )
    failed.retryable = True
    return failed


def _auth_failed(status: int, seen: UpstreamDetail, common: dict[str, Any], own_key: bool) -> UpstreamError:
    # The upstream's sentence may quote the key in part: it is left out.
    provider_id = common["provider_id"]
    quiet = UpstreamDetail(seen.status, seen.code, seen.type, None, seen.request_id)
    common |= {"upstream": quiet}
    if own_key:
        code = "invalid_api_key" if status == 401 else "permission_denied"
        common |= {"status": status, "code": code, "type": "invalid_request_error"}
        return UpstreamRejected(f"provider `{provider_id}` refused the key that came with the request", **common)
    message = f"provider `{provider_id}` refused the configured credential: check its `api_key`"
    return UpstreamRejected(message, code="upstream_auth_failed", **common)


def stream_error(provider_id: str, error: Any, secret: Secret) -> UpstreamError:
    """The error for an error object that came with status 200, within a stream or instead of an answer."""
    seen = detail(200, error, secret)
    said = f": {seen.message}" if seen.message else ""
    return BadUpstreamReply(
        f"provider `{provider_id}` reported an error{said}",
        provider_id=provider_id,
        phase="read",
        code="upstream_error",
        upstream=seen,
    )


def _retry_after(response: UpstreamResponse) -> str | None:
    """Retry-After as it came (seconds or an HTTP date), or from the millisecond form, rounded up."""
    value = response.headers.get("retry-after")
    if value is None and _MILLISECONDS.fullmatch(ms := response.headers.get("retry-after-ms", "")):
        value = str(-(-int(ms) // 1000))
    return value if value and len(value) < 64 and value.isprintable() else None
