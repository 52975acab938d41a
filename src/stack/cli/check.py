"""`stack check`: what is wrong with a run.yaml, or what it comes to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import click

from stack.cli.options import CONFIG, env_option, environment
from stack.cli.table import table

if TYPE_CHECKING:
    from stack.config.models import ProviderInstance, RunConfig

Row = tuple[str, str, str, str]


@click.command()
@click.argument("config", metavar=CONFIG)
@env_option
def check(config: str, assignments: tuple[tuple[str, str], ...]) -> None:
    """Print every problem of a run.yaml.

    If there is none: which providers are on, which are off, and which cannot be imported (the exit status is then 1,
    though the rest would serve). A build.yaml beside it must name the same providers, or the exit status is 1 as well.
    What keeps `stack run` from serving it is told too. Nothing is started, and nobody is called.
    """
    from stack.config.load import parse_run_config
    from stack.distribution import run_config_source

    text, file = run_config_source(config)
    environ = environment(assignments)
    loaded = parse_run_config(text, file, environ)
    on = [_state(instance) for instances in loaded.providers.values() for instance in instances]
    off = list(_switched_off(text, file, environ))
    click.echo(table(("API", "PROVIDER", "TYPE", "STATE"), sorted(on + off)))
    failed = sum(state.startswith("failed") for *_, state in on)
    counts = f"{len(on) - failed} on, {failed} failed, {len(off)} off; models registered: {len(loaded.models)}"
    differences = _drift(text, file)
    for line in differences:
        click.echo(line)
    found = ["some providers cannot start"] * bool(failed) + ["it differs from build.yaml"] * bool(differences)
    click.echo(f"{file}: {' and '.join(found) or 'no problems'}; providers: {counts}")
    for remark in _remarks(file, loaded, bool(failed)):
        click.echo(remark, err=True)
    if found:
        raise SystemExit(1)


def _remarks(file: str, config: RunConfig, failed: bool) -> Iterator[str]:
    """What the options of `stack run` decide, and where else the packages are."""
    from stack.cli.built import remark
    from stack.server.hosts import open_to_others

    if wrong := open_to_others(config.server):
        yield f"`stack run` will not serve it so: {wrong}"
    if failed and (elsewhere := remark(file, "check")):
        yield elsewhere


def _drift(text: str, file: str) -> list[str]:
    """The providers that run.yaml and a build.yaml beside it do not share."""
    from pathlib import Path

    from stack.build.drift import drift

    build_yaml = Path(file).with_name("build.yaml")
    return drift(build_yaml, text, file) if Path(file).is_file() and build_yaml.is_file() else []


def _state(instance: ProviderInstance) -> Row:
    from stack.errors import ConfigError
    from stack.registry.contract import load_provider_class

    error = instance.error
    if error is None:
        try:
            load_provider_class(instance.spec)
        except ConfigError as raised:
            error = raised
    state = f"failed: {error.message}" if error else "on"
    return instance.api, instance.provider_id, instance.spec.provider_type, state


def _switched_off(text: str, file: str, environ: Mapping[str, str]) -> Iterator[Row]:
    """The entries that loading leaves out, each with the variables that would switch it on."""
    from stack.config.variables import entry_variables

    for entry in entry_variables(text, file, environ):
        if not entry.provider_id:
            switches = ", ".join(entry.switches)
            yield entry.api, "", entry.provider_type, f"off: set {switches}" if switches else "off"
