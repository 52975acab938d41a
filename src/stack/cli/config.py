"""`stack config explain`, `stack config schema`: what run.yaml may say, and what one of them comes to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from stack.cli.options import CONFIG, env_option, environment
from stack.cli.table import table

if TYPE_CHECKING:
    from stack.config.explain import Setting

WIDEST = 60  # of a value in the table; alone it is shown whole


@click.group()
def config() -> None:
    """Explain a run.yaml, or print the schema of all."""


@config.command()
@click.argument("config", metavar=CONFIG)
@click.argument("key", required=False)
@env_option
def explain(config: str, key: str | None, assignments: tuple[tuple[str, str], ...]) -> None:
    """Say what a setting comes to, where that comes from, and what it means.

    KEY is a path such as `server.port` or `providers.inference.groq.config.api_key`, also with numbers as in messages,
    `providers.inference[0]`; the beginning of one, or its end, such as `port`. Without it, every setting is listed.
    Secrets are masked.
    """
    from stack.config.explain import explain, selected
    from stack.distribution import run_config_source

    text, file = run_config_source(config)
    settings = explain(text, file, environment(assignments), [name for name, _ in assignments])
    found = selected(settings, key) if key else settings
    click.echo(_alone(found[0]) if len(found) == 1 else table(("KEY", "VALUE", "ORIGIN", "MEANING"), map(_row, found)))


def _alone(setting: Setting) -> str:
    also = [("also", setting.also)] if setting.also != setting.path else []
    rows = [*also, ("value", setting.value), ("origin", setting.origin), ("meaning", setting.meaning)]
    return "\n".join([setting.path, *(f"  {name:<8} {text}" for name, text in [*rows, ("takes", setting.kind)])])


def _row(setting: Setting) -> tuple[str, str, str, str]:
    value = setting.value if len(setting.value) <= WIDEST else f"{setting.value[:WIDEST]}..."
    return setting.path, value.replace("\n", " "), setting.origin, setting.meaning


@config.command()
def schema() -> None:
    """Print the JSON Schema of run.yaml, with the settings of every provider that is installed.

    An editor that reads YAML schemas then completes keys, shows what they mean, and marks mistakes.
    """
    from stack.config.schema import schema_text

    click.echo(schema_text(), nl=False)
