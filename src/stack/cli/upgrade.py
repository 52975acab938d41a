"""`stack upgrade`: a run.yaml of Llama Stack 0.2, or a config.yaml of OGX, as one of ours."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stack.errors import Problem


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--check", is_flag=True, help="Only say what would change.")
@click.option("--output", type=click.Path(path_type=Path), help="Write it there; a file that is there is kept.")
def upgrade(file: Path, check: bool, output: Path | None) -> None:
    """Read a run.yaml of Llama Stack 0.2 or a config.yaml of OGX, and write ours.

    Every key that has no counterpart is listed, with the reason and what to do. What it comes to is then checked like
    any run.yaml. With neither option, the file goes to stdout and the remarks to stderr.
    """
    from stack.config.report import Report
    from stack.config.yaml import read_text
    from stack.errors import ConfigError
    from stack.upgrade import upgraded

    found = upgraded(read_text(file, Report(str(file))), str(file))
    beside = output.parent if output else Path()
    files = {**({output: found.run_yaml} if output else {}), **{beside / n: text for n, text in found.files.items()}}
    if output and not check and (taken := [path for path in files if path.exists()]):
        raise ConfigError(f"`{taken[0]}` is there already: name another file, or remove it")
    problems = _problems(found.run_yaml, str(output or "run.yaml"))
    for line in [*found.remarks, *problems]:
        click.echo(line, err=not (check or output))
    if output and not check:
        output.parent.mkdir(parents=True, exist_ok=True)
        for path, text in files.items():
            path.write_text(text, encoding="utf-8")
            click.echo(f"wrote {path}")
    elif not check:
        click.echo(found.run_yaml, nl=False)
        for path in files:
            click.echo(f"`{path}` is written only with `--output`", err=True)
    if check:
        click.echo(f"{file}: remarks: {len(found.remarks)}; problems that remain in what it comes to: {len(problems)}")


def _problems(text: str, file: str) -> Sequence[Problem]:
    """What `stack check` would say of it: variables that are not set, and what a person must mend."""
    import os

    from stack.config.load import parse_run_config
    from stack.errors import BadConfig

    try:
        parse_run_config(text, file, os.environ)
    except BadConfig as error:
        return error.problems
    return ()
