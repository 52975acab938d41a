"""Serving a stack on a socket: one process, or several that share the port."""

from __future__ import annotations

import logging
import math
import resource
import signal
import socket
import sys
from functools import partial
from types import FrameType

import structlog
import uvicorn
from uvicorn.supervisors import Multiprocess

from stack.config.models import RunConfig, secret_values
from stack.errors import ConfigError, ProvidersFailed
from stack.logs import configure_logs
from stack.runtime import Runtime
from stack.server.app import App, create_app
from stack.server.hosts import is_loopback
from stack.server.protocol import Protocol

KEEP_ALIVE_S = 75
BACKLOG = 2048

log = structlog.get_logger("stack.server")


def serve(config: RunConfig, *, strict: bool = False, insecure_no_auth: bool = False) -> None:
    """Serve until SIGINT or SIGTERM. Raises: ConfigError, before anything is served."""
    server = config.server
    if not is_loopback(server.host) and not server.auth.api_keys and not insecure_no_auth:
        raise ConfigError(
            f"`{server.host}` can be reached by others and no API key is configured: set `server.auth.api_keys`,"
            " or serve on 127.0.0.1, or say `--insecure-no-auth`"
        )
    _configure_logs(config)
    if insecure_no_auth and not server.auth.api_keys:
        log.warning("serving without authentication", host=server.host)
    _raise_file_limit()
    listener = _listen(server.host, server.port)
    host = f"[{server.host}]" if ":" in server.host else server.host
    url = f"http://{host}:{listener.getsockname()[1]}"
    made: list[Runtime] = []
    settings = uvicorn.Config(
        partial(_app, config, strict, url, made),
        factory=True,
        http=partial(Protocol, server),  # type: ignore[arg-type]  # called like the class, and it can be pickled
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        date_header=True,
        workers=server.workers,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=math.ceil(server.shutdown_grace_s),
        proxy_headers=False,
    )
    with listener:
        if server.workers > 1:
            Multiprocess(settings, sockets=[listener]).run()
            return
        worker = _Worker(settings)
        # Once uvicorn has shut down cleanly, it sends itself the signal again.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        try:
            worker.run(sockets=[listener])
        except SystemExit:  # uvicorn's way of telling that the start failed; its log says why
            for runtime in made:
                if runtime.refusal:
                    raise runtime.refusal from None
            raise
    if not worker.started:
        raise ProvidersFailed("the stack did not start: a provider failed")


class _Worker(uvicorn.Server):
    """Whoever asks twice that it ends, by whichever signal, does not want to wait."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.force_exit = self.should_exit
        super().handle_exit(sig, frame)


def _app(config: RunConfig, strict: bool, url: str, made: list[Runtime]) -> App:
    """Made once in each worker; a server without workers reads from `made` how the start ended."""
    _configure_logs(config)
    announce = partial(log.info, "serving", stack=config.image_name, url=url)
    made.append(Runtime(config))
    return create_app(made[-1], strict=strict, announce=announce)


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
