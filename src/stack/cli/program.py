"""The program: its commands, its version, and how it ends when something is wrong.

Exit status: 0 done, 1 failed, 2 wrong usage or configuration, 3 a provider failed and `--strict` was said,
5 a newer version wrote what the stack keeps.
"""

from __future__ import annotations

from typing import Any

import click

from stack.cli.backup import backup, restore
from stack.cli.build import build
from stack.cli.check import check
from stack.cli.config import config
from stack.cli.doctor import doctor
from stack.cli.listing import list_apis, list_distributions, list_providers
from stack.cli.provider import provider
from stack.cli.run import run
from stack.cli.upgrade import upgrade
from stack.cli.vector_stores import vector_stores
from stack.errors import ConfigError, ProvidersFailed, SchemaTooNew, StackError
from stack.version import __version__

FAILED, BAD_CONFIG, PROVIDERS_FAILED, SCHEMA_TOO_NEW = 1, 2, 3, 5


class Program(click.Group):
    """A group whose commands end with the message of a StackError, or with the file that cannot be used."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except StackError as error:
            click.echo(error.message, err=True)
            ctx.exit(_status(error))
        except OSError as error:
            if error.filename is None:  # nothing that a person could look at
                raise
            click.echo(f"`{error.filename}`: {(error.strerror or str(error)).lower()}", err=True)
            ctx.exit(FAILED)


def _status(error: StackError) -> int:
    if isinstance(error, ProvidersFailed):
        return PROVIDERS_FAILED
    if isinstance(error, SchemaTooNew):
        return SCHEMA_TOO_NEW
    return BAD_CONFIG if isinstance(error, ConfigError) else FAILED


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="stack %(version)s")
def main() -> None:
    """Serve one stable API in front of every model.

    This is the AI application server `stack`, also installed as `stack-server`, not the Haskell tool of the same
    name; `python -m stack` always runs this one.
    """


for _command in (
    backup,
    build,
    check,
    config,
    doctor,
    list_distributions,
    list_apis,
    list_providers,
    provider,
    restore,
    run,
    upgrade,
    vector_stores,
):
    main.add_command(_command)
