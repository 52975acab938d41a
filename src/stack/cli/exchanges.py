"""What `--record` and `--replay` do around a command, and what they say at its end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click


def exchange_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--record DIR`, `--replay DIR` and `--timing`."""
    folder = click.Path(file_okay=False, path_type=Path)
    options = (
        click.option("--record", metavar="DIR", type=folder, help="Write what remote providers answer below DIR."),
        click.option("--replay", metavar="DIR", type=folder, help="Answer for remote providers with what DIR holds."),
        click.option("--timing", is_flag=True, help="Keep, or keep to, the pace of recorded streams."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@contextmanager
def exchanges(record: Path | None, replay: Path | None, secrets: Iterable[str], *, timing: bool) -> Iterator[None]:
    """Record or replay what remote providers say within this; remarks go to stderr at the end."""
    if record and replay:
        raise click.UsageError("say `--record` or `--replay`, not both")
    if timing and not (record or replay):
        raise click.UsageError("`--timing` belongs to `--record` or `--replay`")
    if record:
        from stack.testing.record import recording

        with recording(record, secrets, timing=timing) as recorder:
            try:
                yield
            finally:
                click.echo(f"recorded {recorder.written} exchanges in `{record}`", err=True)
    elif replay:
        with _replayed(replay, secrets, timing):
            yield
    else:
        yield


@contextmanager
def _replayed(folder: Path, secrets: Iterable[str], timing: bool) -> Iterator[None]:
    from stack.errors import ConfigError
    from stack.testing.play import Player, replaying

    try:
        Player(folder)
    except (OSError, ValueError) as error:
        raise ConfigError(f"nothing can be replayed: {error}") from error
    with replaying(folder, secrets, paced=timing) as player:
        try:
            yield
        finally:
            for line in player.problems():
                click.echo(line, err=True)
