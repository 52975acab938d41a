"""`stack backup` and `stack restore`: a copy of what a stack keeps, and back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from stack.cli.options import CONFIG, env_option, environment

if TYPE_CHECKING:
    from stack.storage.manifest import Manifest

Assignments = tuple[tuple[str, str], ...]

config_option = click.option(
    "--config", default="starter", show_default=True, metavar=CONFIG, help="The stack, for its `storage.state_dir`."
)


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@config_option
@env_option
def backup(folder: Path, config: str, assignments: Assignments) -> None:
    """Copy what a stack keeps into DIR.

    The stack may go on serving: the copy is of one instant. DIR must be empty, or not there; it gets a manifest with
    the SHA-256 of everything.
    """
    from stack.storage.backup import back_up

    state_dir = _state_dir(config, assignments)
    manifest = back_up(state_dir, folder)
    click.echo(f"backed up `{state_dir}` to `{folder}`: {_counts(manifest)}")


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@config_option
@env_option
def restore(folder: Path, config: str, assignments: Assignments) -> None:
    """Bring what `stack backup` copied into DIR back.

    All of DIR is verified first. The state directory must be empty, or not there.
    """
    from stack.storage.restore import restore as bring_back

    state_dir = _state_dir(config, assignments)
    manifest = bring_back(folder, state_dir)
    click.echo(f"restored `{state_dir}` from `{folder}`, of {manifest.created_at}: {_counts(manifest)}")


def _state_dir(config: str, assignments: Assignments) -> Path:
    from stack.config.load import parse_run_config
    from stack.distribution import run_config_source

    return parse_run_config(*run_config_source(config), environment(assignments)).state_dir


def _counts(manifest: Manifest) -> str:
    count = sum(content.bytes for content in (*manifest.databases.values(), *manifest.files.values()))
    return f"databases: {len(manifest.databases)}, files: {len(manifest.files)}, bytes: {count}"
