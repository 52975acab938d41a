"""Serving a stack on a socket: one process, or several that share the port."""

from __future__ import annotations

import gc
import logging
import resource
import signal
import socket
import sys
from functools import partial
from multiprocessing.connection import Connection

import structlog
from uvicorn.config import STARTUP_FAILURE

from stack.config.models import RunConfig, secret_values
from stack.errors import ConfigError, ProvidersFailed, StackError
from stack.logs import configure_logs
from stack.runtime import Runtime
from stack.server.app import App, create_app
from stack.server.hosts import open_to_others
from stack.server.siblings import NOW, REFUSED, Siblings
from stack.server.worker import Sibling, Worker

BACKLOG = 2048

log = structlog.get_logger("stack.server")


def serve(config: RunConfig, *, strict: bool = False, insecure_no_auth: bool = False) -> None:
    """Serve until SIGINT or SIGTERM. Raises: ConfigError, before anything is served."""
    server = config.server
    if not insecure_no_auth and (wrong := open_to_others(server)):
        raise ConfigError(wrong)
    _configure_logs(config)
    if insecure_no_auth and not server.auth.api_keys:
        log.warning("serving without authentication", host=server.host)
    _raise_file_limit()
    listener = _listen(server.host, server.port)
    host = f"[{server.host}]" if ":" in server.host else server.host
    url = f"http://{host}:{listener.getsockname()[1]}"
    with listener:
        if server.workers > 1:
            refusal = Siblings(partial(_serve_among_others, config, strict, url), listener, server.workers).run()
        else:
            refusal = _serve(Worker(_app(config, strict, url), server), listener)
    if refusal is not None:
        raise refusal


def _serve(worker: Worker, listener: socket.socket) -> StackError | None:
    """Serve until a signal; the reason if the stack did not start."""
    gc.freeze()  # nor is there any among it later
    # Once uvicorn has shut down cleanly, it sends itself the signal again.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        worker.run(sockets=[listener])
    except SystemExit as ended:
        if ended.code == STARTUP_FAILURE and worker.app.refusal is None:
            return ProvidersFailed("the stack did not start: the log tells why")
    return worker.app.refusal


def _serve_among_others(
    config: RunConfig, strict: bool, url: str, listener: socket.socket, report: Connection[StackError, None]
) -> None:
    """What each of several processes runs."""
    _configure_logs(config)
    worker = Sibling(_app(config, strict, url), config.server)
    signal.signal(NOW, worker.end_now)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if refusal := _serve(worker, listener):
        report.send(refusal)
        sys.exit(REFUSED)


def _app(config: RunConfig, strict: bool, url: str) -> App:
    announce = partial(log.info, "serving", stack=config.image_name, url=url)
    return create_app(Runtime(config), strict=strict, announce=announce)


def _configure_logs(config: RunConfig) -> None:
    configure_logs(secret_values(config), logging.getLevelNamesMapping()[config.server.log_level.upper()])


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError(f"cannot serve on `{host}:{port}`: {reason.lower()}; choose another with `--port`") from error


def _raise_file_limit() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard < 4096:
        logging.getLogger("stack").warning("only %d files may be open: raise `ulimit -n` for many streams", hard)
