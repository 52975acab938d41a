"""What Postgres' errors are to a caller: the one place where they are told apart, by SQLSTATE.

Source: https://www.postgresql.org/docs/current/errcodes-appendix.html
"""

from __future__ import annotations

import ssl

from stack.errors import (
    InvalidRequest,
    StackError,
    StorageFull,
    Unreachable,
    UpstreamDetail,
    UpstreamRejected,
    UpstreamTimeout,
)

# 25006: read only, as a primary becomes when another takes over; 53300: too many connections; 57P0x: it goes down or
# comes up; 58xxx: its disk fails; the class 08 is lost connections.
_DOWN = ("08", "25006", "53300", "57P01", "57P02", "57P03", "57P05", "58")
_CONTENDED = ("40001", "40P01")
_FULL = ("53100",)
# They name a role, a database or a table, never a value.
_ABOUT_ACCESS = ("28", "3D", "42501")
_TOO_LARGE = ("22003", "54000")


def _sqlstate(error: BaseException) -> str:
    import asyncpg

    return str(error.sqlstate) if isinstance(error, asyncpg.PostgresError) else ""


def is_lost(error: BaseException) -> bool:
    """Whether the connection broke, or the server goes: the same work may succeed on another connection."""
    import asyncpg

    gone = isinstance(error, OSError | asyncpg.InterfaceError) and not isinstance(error, TimeoutError | ValueError)
    return gone or _sqlstate(error).startswith(_DOWN)


def is_contended(error: BaseException) -> bool:
    """Whether others were in the way: the same work may succeed at once."""
    return _sqlstate(error) in _CONTENDED


def failure(error: Exception, provider_id: str, password: str) -> Exception:
    """The error of ours that one of asyncpg or of the network stands for; any other as it is."""
    import asyncpg

    code = _sqlstate(error)
    if isinstance(error, TimeoutError) or code == "57014":
        message = f"Postgres of provider `{provider_id}` did not answer in time"
        return UpstreamTimeout(message, provider_id=provider_id, phase="send")
    if isinstance(error, ssl.SSLError) or "SSL upgrade" in str(error):
        return _unavailable(provider_id, "speaks no TLS with us: check its certificate, `tls` and `ca_file`", "tls")
    if is_lost(error):
        return _unavailable(provider_id, "cannot be reached, or is starting or stopping", "connect")
    if code in _FULL:
        full = StorageFull(f"the disk of Postgres of provider `{provider_id}` is full: nothing of this was stored")
        full.provider_id = provider_id
        return full
    if code in _TOO_LARGE:
        return InvalidRequest("a number or text is larger than Postgres can index", param="chunks")
    return _refused(error, code, provider_id, password) if isinstance(error, asyncpg.PostgresError) else error


def _unavailable(provider_id: str, what: str, phase: str) -> StackError:
    return Unreachable(
        f"Postgres of provider `{provider_id}` {what}",
        provider_id=provider_id,
        phase=phase,
        status=503,
        code="storage_unavailable",
        retry_after="1",
    )


def _refused(error: Exception, sqlstate: str, provider_id: str, password: str) -> UpstreamRejected:
    told = sqlstate.startswith(_ABOUT_ACCESS)
    text = str(error).replace(password, "***")[:500] if password else str(error)[:500]
    said = f": {text}" if told else f" ({type(error).__name__})"
    return UpstreamRejected(
        f"Postgres of provider `{provider_id}` refused with SQLSTATE {sqlstate}{said}",
        provider_id=provider_id,
        phase="status",
        code="upstream_auth_failed" if sqlstate.startswith("28") else None,
        upstream=UpstreamDetail(code=sqlstate),
    )
