"""TLS for tests: a self-signed certificate that nobody trusts, unless a test wants to."""

from __future__ import annotations

import ssl
from pathlib import Path

# Of localhost and 127.0.0.1, with its key in the same file; a CA file as well, for clients that shall trust it.
LOCALHOST = Path(__file__).with_name("localhost.pem")


def server_context(certificate: Path | str = LOCALHOST, key: Path | str | None = None) -> ssl.SSLContext:
    """A server's settings from PEM files; no `key`: it is in the same file. Raises OSError if they cannot be read."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def trusting_context() -> ssl.SSLContext:
    """A client's settings that trust the self-signed certificate and nothing else."""
    return ssl.create_default_context(cafile=LOCALHOST)
