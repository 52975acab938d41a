"""Which stack a command asks: one that runs, or one of this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from stack.cli.options import CONFIG, env_option, environment

if TYPE_CHECKING:
    from stack.client import StackClient


class Reach:
    """Which stack is meant."""

    def __init__(self, url: str | None, config: str | None, api_key: str | None, assignments: Any) -> None:
        if url and config:
            raise click.UsageError("say `--url` or `--config`, not both")
        if assignments and not config:
            raise click.UsageError("`--env` is for the stack of `--config`")
        if api_key and not (api_key.isascii() and api_key.isprintable()):
            raise click.UsageError("`--api-key` holds a character that no header can carry: copy the key again")
        self.url, self.config, self.api_key, self.assignments = url, config, api_key, assignments

    @contextmanager
    def client(self) -> Iterator[StackClient]:
        """A client of it; what it answers instead becomes a message."""
        import openai

        from stack.client import StackAsLibraryClient, StackClient
        from stack.client.http import DEFAULT_URL

        url = self.url or DEFAULT_URL
        try:
            if self.config:
                with StackAsLibraryClient(
                    self.config, env=environment(self.assignments), api_key=self.api_key
                ) as in_process:
                    yield in_process
            else:
                with StackClient(url, api_key=self.api_key, max_retries=2) as client:
                    yield client
        except openai.APIStatusError as error:
            body = error.body if isinstance(error.body, dict) else {}
            raise click.ClickException(str(body.get("message") or error.message)) from error
        except openai.APIConnectionError as error:
            where = f"`--config {self.config}`" if self.config else f"`{url}`"
            message = f"{where} does not answer: start it with `stack run`, or name another with `--url` or `--config`"
            raise click.ClickException(message) from error


def reach_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--url`, `--config`, `--env` and `--api-key`, handed on as `reach`."""

    @wraps(command)
    def reaching(url: Any, config: Any, api_key: Any, assignments: Any, **rest: Any) -> Any:
        return command(reach=Reach(url, config, api_key, assignments), **rest)

    options = (
        click.option("--url", metavar="URL", help="A stack that runs; by default port 8321 of this machine."),
        click.option("--config", metavar=CONFIG, help="A stack to run in this process instead."),
        env_option,
        click.option("--api-key", envvar="STACK_API_KEY", show_envvar=True, help="A key of that stack."),
    )
    for option in reversed(options):
        reaching = option(reaching)
    return reaching
