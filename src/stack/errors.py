"""The one tree of errors: who is at fault is the class, what happened is the message, what to do next ends it.

StackError
+- ConfigError          before serving; the command line prints it without a traceback
|  +- BadConfig, UnknownProvider, MissingPackage, ProviderLoadError
|  +- SchemaTooNew      state that a newer version wrote
+- RequestError         the caller's fault, never retried
|  +- InvalidRequest 400, UnsupportedParameter 400, Unsupported 400, Unauthorized 401, Forbidden 403,
|     NotFound 404, MethodNotAllowed 405, RequestTimeout 408, Conflict 409, PayloadTooLarge 413,
|     UnsupportedMediaType 415, RangeNotSatisfiable 416, ParseFailed 400, ContentBlocked 400
+- ProviderUnavailable  503: a provider that did not start, or was switched off
+- ProviderBug          500: a provider whose own code failed
+- ShieldUnavailable    503: a shield that could not be asked, so that nothing passes
+- Overloaded           503: more requests at once than the server is set to answer
+- Starting             503: the server has not started all of its providers yet
+- ShuttingDown         503: the server is stopping
+- StorageError         503: where state is kept cannot be used
|  +- StorageFull 507, StorageBusy 503, StorageCorrupt 503
+- UpstreamError        the provider's fault
   +- RateLimited 429, UpstreamTimeout 504, Unreachable 502, BadUpstreamReply 502, UpstreamRejected (own status)
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stack.installing import installs

INTERNAL_ERROR = "an internal error: the server's log tells more under this request id"


class StackError(Exception):
    """Base of every error this package raises on purpose; itself it means a bug here (500).

    provider_id, model, attempts: who was chosen to answer, its own name of the model, and how often a provider was
    asked; set by the router.
    """

    status: int = 500
    type: str = "server_error"
    code: str = "internal_error"
    retryable: bool = False
    provider_id: str = ""
    model: str | None = None
    attempts: int = 0

    def __init__(self, message: str, *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        if code is not None:
            self.code = code

    def __reduce__(self) -> tuple[Any, ...]:
        """To other processes it goes as it is, whatever its class is made from."""
        return _remade, (type(self), self.args, self.__dict__)

    def asked(self, provider_id: str, model: str, attempts: int) -> None:
        """Remember who was asked, and how often, when this went wrong."""
        self.provider_id, self.model, self.attempts = provider_id, model, attempts

    def envelope(self, request_id: str | None = None) -> dict[str, Any]:
        """OpenAI's error body: `{"error": {"message", "type", "param", "code", "request_id"}}`."""
        return {
            "error": {
                "message": self.message,
                "type": self.type,
                "param": self.param,
                "code": self.code,
                "request_id": request_id,
            }
        }

    def headers(self) -> dict[str, str]:
        """Answer headers that belong to this error, such as Retry-After."""
        headers = {"x-stack-attempts": str(self.attempts)}
        if self.provider_id:
            headers["x-stack-provider"] = self.provider_id
        if not self.retryable:
            headers["x-should-retry"] = "false"
        return headers


def _remade(cls: type[StackError], args: tuple[Any, ...], state: dict[str, Any]) -> StackError:
    error = cls.__new__(cls, *args)
    error.__dict__.update(state)
    return error


class ConfigError(StackError):
    """What the operator wrote cannot be run."""

    code = "config_error"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a configuration: `file:line:column: path: what, and what to do`; `file` may be empty."""

    file: str
    line: int
    column: int
    path: str
    message: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}: " if self.line else f"{self.file}: " * bool(self.file)
        return where + (f"{self.path}: " if self.path else "") + self.message


class BadConfig(ConfigError):
    """Every problem of one configuration file, found in one pass, in the order of the file."""

    code = "bad_config"

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)


class UnknownProvider(ConfigError):
    """A provider type that no row and no installed package declares."""

    code = "unknown_provider"


class MissingPackage(ConfigError):
    """A provider whose packages are not installed; the message ends with the line that installs them all."""

    code = "missing_package"

    def __init__(
        self,
        provider_type: str,
        packages: Sequence[str],
        missing: str | None = None,
        without_deps: Sequence[str] = (),
        from_index: Sequence[tuple[str, str]] = (),
    ) -> None:
        what = f"`{missing}`, which is not installed" if missing else "packages that are not installed"
        wanted = packages if packages or without_deps or from_index else (missing or "",)
        line = " && ".join(map(str, installs(wanted, without_deps, from_index)))
        super().__init__(f"`{provider_type}` needs {what}: run `{line}`")
        self.packages = tuple(packages)


class ProviderLoadError(ConfigError):
    """A provider module that is there but cannot be used: a bug in it, or a broken contract."""

    code = "provider_load_error"


class ProvidersFailed(ConfigError):
    """Providers that did not start, where all of them were demanded."""

    code = "providers_failed"


class SchemaTooNew(ConfigError):
    """A database that a newer version wrote; this one would not know what it does to it."""

    code = "schema_too_new"


class RequestError(StackError):
    """The caller's fault: the same request will fail again."""

    status = 400
    type = "invalid_request_error"
    code = "invalid_request"


class InvalidRequest(RequestError):
    """A request that does not parse, or does not have the shape of the API."""


class UnsupportedParameter(RequestError):
    """An option that this provider cannot honour; refused by name rather than ignored."""

    code = "unsupported_parameter"


class Unsupported(RequestError):
    """A capability that the provider or model lacks."""

    code = "unsupported"


class Unauthorized(RequestError):
    """No API key, or a wrong one."""

    status = 401
    code = "invalid_api_key"

    def headers(self) -> dict[str, str]:
        return super().headers() | {"www-authenticate": "Bearer"}


class Forbidden(RequestError):
    """A request that this server does not answer, whoever sends it."""

    status = 403
    code = "forbidden"


class NotFound(RequestError):
    """A route or resource that does not exist."""

    status = 404
    code = "not_found"


class MethodNotAllowed(RequestError):
    """A route that exists, asked with another method."""

    status = 405
    code = "method_not_allowed"

    def __init__(self, message: str, allowed: Sequence[str]) -> None:
        super().__init__(message)
        self.allowed = tuple(allowed)

    def headers(self) -> dict[str, str]:
        return super().headers() | {"allow": ", ".join(self.allowed)}


class RequestTimeout(RequestError):
    """A caller who did not send the whole request in time."""

    status = 408
    code = "request_timeout"


class Conflict(RequestError):
    """A resource that exists already, with other content."""

    status = 409
    code = "conflict"


class PayloadTooLarge(RequestError):
    """A body over the configured limit."""

    status = 413
    code = "payload_too_large"


class RangeNotSatisfiable(RequestError):
    """A range that begins behind the end; size: of what there is, in bytes."""

    status = 416
    code = "range_not_satisfiable"

    def __init__(self, message: str, size: int) -> None:
        super().__init__(message)
        self.size = size

    def headers(self) -> dict[str, str]:
        return super().headers() | {"content-range": f"bytes */{self.size}"}


class UnsupportedMediaType(RequestError):
    """A body in a content type or encoding that this route does not read."""

    status = 415
    code = "unsupported_media_type"


class ParseFailed(RequestError):
    """A file that does not become text: of a kind that is not read (`unsupported_file`), or broken (`invalid_file`)."""

    code = "invalid_file"


class ContentBlocked(RequestError):
    """A shield objects to a request (`input`) or to an answer (`output`), whole or while it streams.

    categories: what it objects to, and how sure it is of each, 0 to 1; the text itself is told nowhere.
    """

    code = "content_filter"
    trail: str = ""  # every verdict up to this one, as the header `x-stack-shields` tells them

    def __init__(
        self, message: str, *, shield_id: str, stage: str, categories: Mapping[str, float], param: str | None = None
    ) -> None:
        super().__init__(message, param=param)
        self.shield_id = shield_id
        self.stage = stage
        self.categories = dict(categories)

    def asked(self, provider_id: str, model: str, attempts: int) -> None:
        super().asked(provider_id, model, 0 if self.stage == "input" else attempts)

    def envelope(self, request_id: str | None = None) -> dict[str, Any]:
        body = super().envelope(request_id)
        found = {"shield_id": self.shield_id, "stage": self.stage, "categories": self.categories}
        body["error"]["shields"] = [found]
        return body

    def headers(self) -> dict[str, str]:
        return super().headers() | ({"x-stack-shields": self.trail} if self.trail else {})


class ShieldUnavailable(StackError):
    """A shield that did not answer, or not in time: what it was to check does not pass."""

    status = 503
    code = "shield_unavailable"
    retryable = True
    trail: str = ""  # as of ContentBlocked

    def headers(self) -> dict[str, str]:
        return super().headers() | ({"x-stack-shields": self.trail} if self.trail else {})


class ProviderUnavailable(StackError):
    """A provider that is configured but did not start; the reason is in the message and in `/v1/providers`."""

    status = 503
    code = "provider_unavailable"


class ProviderBug(StackError):
    """A provider whose own code failed with something that is no StackError; that is the cause of this."""

    def __init__(self) -> None:
        super().__init__(INTERNAL_ERROR)


class Overloaded(StackError):
    """More requests at once than this server is set to answer; a moment later there may be room."""

    status = 503
    code = "overloaded"
    retryable = True

    def headers(self) -> dict[str, str]:
        return super().headers() | {"retry-after": "1"}


class Starting(StackError):
    """The server has not started all of its providers yet."""

    status = 503
    code = "server_starting"
    retryable = True

    def headers(self) -> dict[str, str]:
        return super().headers() | {"retry-after": "1"}


class ShuttingDown(StackError):
    """The server stops, or stopped before this answer was complete; another may answer."""

    status = 503
    code = "server_shutting_down"
    retryable = True


class StorageError(StackError):
    """The place where state is kept cannot be used: a disk that is gone, or rights that are missing."""

    status = 503
    code = "storage_unavailable"
    retryable = True


class StorageFull(StorageError):
    """No space is left; nothing of the request was stored, and what needs no storage goes on."""

    status = 507
    code = "storage_full"
    retryable = False


class StorageBusy(StorageError):
    """Another process kept a database locked for longer than is waited for."""

    code = "storage_busy"

    def headers(self) -> dict[str, str]:
        return super().headers() | {"retry-after": "1"}


class StorageCorrupt(StorageError):
    """A database or a backup that is damaged; it is left as it is."""

    code = "storage_corrupt"
    retryable = False


@dataclass(frozen=True, slots=True)
class UpstreamDetail:
    """What the upstream itself said, for `error.upstream`: as it came, secrets masked, text cut at 500 characters."""

    status: int | None = None
    code: str | None = None
    type: str | None = None
    message: str | None = None
    request_id: str | None = None


class UpstreamError(StackError):
    """The provider's fault. `phase` is where it happened: dns, connect, tls, send, read, parse or status."""

    status = 502
    type = "upstream_error"
    code = "upstream_error"

    def __init__(
        self,
        message: str,
        *,
        provider_id: str,
        phase: str,
        code: str | None = None,
        status: int | None = None,
        param: str | None = None,
        type: str | None = None,
        upstream: UpstreamDetail | None = None,
        retry_after: str | None = None,
    ) -> None:
        super().__init__(message, param=param, code=code)
        self.provider_id = provider_id
        self.phase = phase
        self.upstream = upstream or UpstreamDetail()
        self.retry_after = retry_after
        if status is not None:
            self.status = status
        if type is not None:
            self.type = type

    def envelope(self, request_id: str | None = None) -> dict[str, Any]:
        body = super().envelope(request_id)
        seen = self.upstream
        body["error"]["upstream"] = {
            "provider": self.provider_id,
            "phase": self.phase,
            "status": seen.status,
            "code": seen.code,
            "type": seen.type,
            "message": seen.message,
            "request_id": seen.request_id,
        }
        return body

    def headers(self) -> dict[str, str]:
        headers = super().headers()
        if self.retry_after is not None:
            headers["retry-after"] = self.retry_after
        return headers

    def log_fields(self) -> dict[str, Any]:
        """What the log says of it: never text of a prompt or an answer."""
        return {
            "provider": self.provider_id,
            "model": self.model,
            "attempt": self.attempts,
            "phase": self.phase,
            "status": self.status,
            "code": self.code,
            "upstream_status": self.upstream.status,
            "upstream_request_id": self.upstream.request_id,
        }


class RateLimited(UpstreamError):
    """The provider refuses for now; `retry_after` is its own Retry-After."""

    status = 429
    type = "requests"
    code = "rate_limit_exceeded"
    retryable = True


class UpstreamTimeout(UpstreamError):
    """No answer within a time limit of ours."""

    status = 504
    code = "upstream_timeout"
    retryable = True


class Unreachable(UpstreamError):
    """No connection, or one that broke."""

    code = "upstream_unreachable"
    retryable = True


class BadUpstreamReply(UpstreamError):
    """An answer that is not what the API promises."""

    code = "upstream_bad_response"
    retryable = True


class UpstreamRejected(UpstreamError):
    """The provider answered with an error status of its own."""


_LONGEST_NAME = 200  # nobody meant a name longer than this
_COMPARED = 200  # comparing well takes tens of microseconds a name, and some vendors list thousands


def nearest(name: str, known: Sequence[str] | Mapping[str, Any], count: int = 3) -> list[str]:
    """The known names most like `name`, best first: for the "did you mean" of an error."""
    import difflib
    import heapq

    if len(name) > _LONGEST_NAME:
        return []
    names = list(known)
    if len(names) > _COMPARED:
        pairs = _pairs(name)
        names = heapq.nlargest(_COMPARED, names, key=lambda each: len(pairs & _pairs(each)))
    return difflib.get_close_matches(name, names, n=count, cutoff=0.5)


def _pairs(name: str) -> set[tuple[str, str]]:
    return {*itertools.pairwise(name)}


def shortened(name: str) -> str:
    """A caller's own name, as a message may repeat it."""
    return name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}..."


def quoted(names: Iterable[str]) -> str:
    """Names as messages list them: `a`, `b`."""
    return ", ".join(f"`{name}`" for name in names)
