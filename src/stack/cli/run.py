"""`stack run`: serve a stack."""

from __future__ import annotations

import gc
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import click

from stack.cli.built import lacks_packages, remark
from stack.cli.exchanges import exchange_options, exchanges
from stack.cli.options import CONFIG, LOG_LEVELS, env_option, environment


def _not_empty(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    # An empty host would listen on every address.
    if value == "":
        raise click.BadParameter("must not be empty", ctx, param)
    return value


@click.command()
@click.argument("config", metavar=CONFIG)
@click.option("--host", callback=_not_empty, help="Address to listen on; overrides server.host.")
@click.option("--port", type=click.IntRange(1, 65535), help="TCP port; overrides server.port.")
@env_option
@click.option("--workers", type=click.IntRange(1, 1024), help="Processes that share the port.")
@click.option("--log-level", type=click.Choice(LOG_LEVELS), help="Least level that is logged.")
@click.option("--strict", is_flag=True, help="Do not serve, and exit 3, when a provider fails to start.")
@exchange_options
@click.option("--insecure-no-auth", is_flag=True, help="Let anyone who reaches the address call, without a key.")
def run(
    config: str,
    host: str | None,
    port: int | None,
    assignments: tuple[tuple[str, str], ...],
    workers: int | None,
    log_level: str | None,
    strict: bool,
    record: Path | None,
    replay: Path | None,
    timing: bool,
    insecure_no_auth: bool,
) -> None:
    """Serve a run.yaml or a distribution.

    A remote provider's bare name is a distribution as well: that provider with the inline defaults.
    """
    gc.disable()  # what is imported stays: looking for garbage among it takes a tenth of the start
    try:
        from stack.config.load import parse_run_config
        from stack.config.models import secret_values
        from stack.distribution import run_config_source
        from stack.server.serve import serve
    finally:
        gc.enable()

    text, file = run_config_source(config)
    loaded = parse_run_config(text, file, environment(assignments))
    if (elsewhere := remark(file, "run")) and lacks_packages(loaded):
        click.echo(elsewhere, err=True)
    said = {"host": host, "port": port, "workers": workers, "log_level": log_level}
    server = loaded.server.model_copy(update={name: value for name, value in said.items() if value is not None})
    if (record or replay) and server.workers > 1:
        raise click.UsageError("`--record` and `--replay` want one process: say `--workers 1`")
    # A KeyboardInterrupt is how a server is stopped at a terminal, once it has shut down cleanly.
    with suppress(KeyboardInterrupt), exchanges(record, replay, secret_values(loaded), timing=timing):
        serve(replace(loaded, server=server), strict=strict, insecure_no_auth=insecure_no_auth)
