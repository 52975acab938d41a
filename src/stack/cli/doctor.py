"""`stack doctor`: what is wrong with a stack on this machine, and the line that mends it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import click

from stack.cli.options import CONFIG, env_option, environment
from stack.cli.table import table

if TYPE_CHECKING:
    from stack.doctor import Check, Findings

FAILED = 1
CLEAR_LINE = "\r\x1b[K"
INDENT = "    "


@click.command()
@click.argument("config", metavar=f"[{CONFIG}]", default="starter")
@env_option
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(0, 600, min_open=True),
    default=5.0,
    show_default=True,
    metavar="SECONDS",
    help="Longest wait for each step on the network.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@click.pass_context
def doctor(
    ctx: click.Context, config: str, assignments: tuple[tuple[str, str], ...], timeout_s: float, as_json: bool
) -> None:
    """Find what keeps providers from working.

    Each provider of the run.yaml (by default the starter distribution's) that is on is loaded, reached, started and
    stopped: its package, variables, name in DNS, port, certificate, credential and models. The machine is looked at
    too. Services are sent nothing but requests for their list of models and for one model of it (`GET /models`), with
    the credential, or first the exchange of a key for a token where a service wants that; no prompt is sent, and no
    secret is printed.

    Exit status: 0 all is well, or there are only warnings; 1 something is wrong; 2 the run.yaml has problems.
    """
    import asyncio
    import logging

    from stack.cli.built import remark
    from stack.config.load import parse_run_config, secret_values
    from stack.config.variables import entry_variables
    from stack.distribution import run_config_source
    from stack.doctor import examine
    from stack.logs import configure_logs

    text, file = run_config_source(config)
    environ = environment(assignments)
    loaded = parse_run_config(text, file, environ)
    configure_logs(secret_values(loaded), logging.WARNING)
    progress = Progress(instance.provider_id for listed in loaded.providers.values() for instance in listed)
    entries = list(entry_variables(text, file, environ))
    try:
        found = asyncio.run(examine(loaded, entries, environ, timeout_s=timeout_s, done=progress.done))
    finally:
        progress.clear()
    click.echo(_json(file, found) if as_json else _report(file, found))
    if any(findings.has_failed for findings in found):
        if elsewhere := remark(file, "doctor"):
            click.echo(elsewhere, err=True)
        ctx.exit(FAILED)


class Progress:
    """What is still being looked at, on stderr: one line that changes on a terminal, else a line for each provider."""

    def __init__(self, names: Iterable[str]) -> None:
        self._waiting = list(names)
        self._count = len(self._waiting)
        self._is_terminal = sys.stderr.isatty()
        self._show()

    def done(self, findings: Findings) -> None:
        self._waiting.remove(findings.subject)
        if not self._is_terminal:
            click.echo(f"checked `{findings.subject}`{': failed' if findings.has_failed else ''}", err=True)
        self._show()

    def clear(self) -> None:
        if self._is_terminal:
            click.echo(CLEAR_LINE, nl=False, err=True)

    def _show(self) -> None:
        if self._is_terminal and self._waiting:
            done = self._count - len(self._waiting)
            said = f"checked {done} of {self._count}; waiting for {', '.join(self._waiting)}"
            # A longer line would wrap, and stay.
            click.echo(CLEAR_LINE + said[: shutil.get_terminal_size().columns - 1], nl=False, err=True)


def _report(file: str, found: list[Findings]) -> str:
    rows = [(f.subject, check.name, _result(check)) for f in found for check in f.checks]
    return "\n".join([table(("PROVIDER", "CHECK", "RESULT"), rows), *_problems(found), "", f"{file}: {_counts(found)}"])


def _result(check: Check) -> str:
    # What is wrong stands below the table, with what mends it.
    return f"{check.status}: {check.found}" if check.found and check.status in ("ok", "off") else check.status


def _problems(found: list[Findings]) -> Iterator[str]:
    for findings in found:
        for check in findings.checks:
            if check.status in ("warning", "failed"):
                yield f"\n{findings.subject}, {check.name}: {check.status}: {check.found}"
                if check.fix:
                    yield INDENT + check.fix


def _counts(found: list[Findings]) -> str:
    statuses = [check.status for findings in found for check in findings.checks]
    failed, warnings = statuses.count("failed"), statuses.count("warning")
    if not failed:
        return f"nothing is wrong; warnings: {warnings}" if warnings else "all is well"
    return f"problems: {failed}, warnings: {warnings}"


def _json(file: str, found: list[Findings]) -> str:
    import json
    from dataclasses import asdict

    is_well = not any(findings.has_failed for findings in found)
    return json.dumps({"file": file, "ok": is_well, "findings": [asdict(each) for each in found]}, indent=2)
