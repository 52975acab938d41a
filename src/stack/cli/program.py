"""The program: its commands, its version, and how it ends when something is wrong.

Exit status: 0 done, 1 failed, 2 wrong usage or configuration, 3 a provider failed and `--strict` was said.
"""

from __future__ import annotations

from typing import Any

import click

from stack.cli.run import run
from stack.errors import ConfigError, ProvidersFailed
from stack.version import __version__

EXIT_BAD_CONFIG = 2
EXIT_PROVIDERS_FAILED = 3


class Program(click.Group):
    """A group whose commands end with the lines of a ConfigError, never with a traceback of it."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ConfigError as error:
            click.echo(error.message, err=True)
            ctx.exit(EXIT_PROVIDERS_FAILED if isinstance(error, ProvidersFailed) else EXIT_BAD_CONFIG)


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, package_name="stack", message="stack %(version)s")
def main() -> None:
    """Serve one stable API in front of every model.

    This is the AI application server `stack`, also installed as `stack-server`, not the Haskell tool of the same
    name; `python -m stack` always runs this one.
    """


main.add_command(run)
