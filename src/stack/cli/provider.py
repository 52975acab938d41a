"""`stack provider`: write a new provider, and find out whether one is right."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stack.cli.options import Assignment, env_option, environment
from stack.cli.table import table

if TYPE_CHECKING:
    from stack.testing.checking import Report

FOLDER = click.Path(file_okay=False, path_type=Path)


def web_address(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """An address with its scheme: it goes into sources as it is."""
    if value is not None and not re.fullmatch(r"https?://[^\s\"\\{}]+", value):
        raise click.BadParameter("write the whole address, as in `https://api.acme.example/v1`", ctx, param)
    return value


def one_line(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Text on one line, of what can be seen: it goes into sources."""
    line = None if value is None else " ".join(value.split())
    if line is not None and not line.isprintable():
        raise click.BadParameter("write it in characters that can be seen", ctx, param)
    return line


@click.group()
def provider() -> None:
    """Add a provider, or examine one."""


@provider.command()
@click.argument("said", metavar="TYPE|PACKAGE")
@click.option("--api", metavar="API", help="Which API, where the name answers several.")
@click.option("--fake", is_flag=True, help="In front of a service that the tests play; so it is if nothing is said.")
@click.option("--live", is_flag=True, help="At its own service, which its variables lead to.")
@click.option("--recording", metavar="DIR", type=FOLDER, help="By the answers that DIR has recorded of its service.")
@click.option("--record", metavar="DIR", type=FOLDER, help="With --live: write what its service answers below DIR.")
@click.option("--model", metavar="ID", help="Model that chats; by default the first that is listed.")
@click.option("--embedding-model", metavar="ID", help="Model that embeds.")
@click.option("--rerank-model", metavar="ID", help="Model that orders documents.")
@click.option("--vision-model", metavar="ID", help="Model that is shown a picture; by default the one that chats.")
@click.option("--set", "settings", multiple=True, type=Assignment(), metavar="NAME=VALUE", help="A setting of it.")
@click.option("--tell", "facts", multiple=True, type=Assignment(), metavar="NAME=VALUE", help="A fact for its suite.")
@click.option("--page", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path), help="Where its page goes.")
@env_option
def check(
    said: str,
    api: str | None,
    fake: bool,
    live: bool,
    recording: Path | None,
    record: Path | None,
    model: str | None,
    embedding_model: str | None,
    rerank_model: str | None,
    vision_model: str | None,
    settings: tuple[tuple[str, str], ...],
    facts: tuple[tuple[str, str], ...],
    page: Path | None,
    assignments: tuple[tuple[str, str], ...],
) -> None:
    """Run the published suite of a provider's API.

    Prints what passes, fails, and is not supported, with request and answer of each failure, and writes the provider's
    page to `docs/providers/capabilities` of a repository, or where `--page` says. Exit status: 1 if a check fails.
    """
    from stack.testing.checking import Way, report
    from stack.testing.inference.subject import Models
    from stack.testing.target import targets

    if fake + live + bool(recording) > 1:
        raise click.UsageError("say one of `--fake`, `--live` and `--recording`")
    if record and not live:
        raise click.UsageError("`--record` belongs to `--live`")
    models = Models(model, embedding_model, rerank_model, vision_model or model)
    way = Way(live, recording, record, _values(settings), _values(facts), models, environment(assignments))
    found = targets(said, api)
    if page is not None and len(found) > 1:
        raise click.UsageError("`--page` is for one provider: say its type")
    reports = [_told(report, target, way) for target in found]
    for each in reports:
        _print(each)
        _write_page(each, page)
    if any(each.failed for each in reports):
        raise SystemExit(1)


def _told(report: Any, target: Any, way: Any) -> Report:
    from stack.errors import ConfigError

    try:
        made: Report = report(target, way)
    except (OSError, ValueError) as error:
        raise ConfigError(str(error)) from error
    return made


def _print(report: Report) -> None:
    from stack.testing.capabilities import summary

    rows = [(each.title, each.status, each.note[:100]) for each in report.outcomes]
    click.echo(table(("CHECK", "RESULT", "NOTE"), rows))
    for each in report.outcomes:
        if each.status == "fail":
            click.echo(f"\n{each.title}: {each.note}\n{each.detail}".rstrip())
    click.echo(f"\n{report.target.spec.provider_type}: {summary(report.outcomes)}")


def _write_page(report: Report, path: Path | None) -> None:
    from stack.testing.capabilities import FOLDER, page, page_path

    spec = report.target.spec
    if path is None and (FOLDER.parent.is_dir() and spec.origin == "stack"):
        path = page_path(spec)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page(spec, report.how, report.outcomes), encoding="utf-8")
        click.echo(f"wrote `{path}`", err=True)


def _values(assignments: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    """What was assigned, each value as YAML reads it."""
    import yaml

    found: dict[str, Any] = {}
    for name, text in assignments:
        try:
            found[name] = yaml.safe_load(text)
        except yaml.YAMLError:  # its message shows the value, which may be a key
            raise click.UsageError(f"the value of `{name}` is no YAML: put it in quotes of its own") from None
    return found


@provider.command()
@click.argument("name")
@click.option("--api", default="inference", show_default=True, metavar="API", help="What it answers.")
@click.option("--kind", default="remote", show_default=True, metavar="remote|inline", help="Where it computes.")
@click.option("--external", is_flag=True, help="A package of its own, `stack-provider-NAME`, instead of a file here.")
@click.option("--description", metavar="TEXT", callback=one_line, help="One sentence about it.")
@click.option("--base-url", metavar="URL", callback=web_address, help="With `remote`: where its service is.")
@click.option("--docs", "documented", metavar="URL", callback=web_address, help="With `remote`: where it is described.")
@click.option("--output-dir", metavar="DIR", type=FOLDER, help="Folder to write in; by default this one.")
def new(
    name: str,
    api: str,
    kind: str,
    external: bool,
    description: str | None,
    base_url: str | None,
    documented: str | None,
    output_dir: Path | None,
) -> None:
    """Write a provider called NAME, with tests that pass at once.

    In a checkout of this repository: the module, its row, its tests, and what is generated from them. With
    `--external`: a package with an entry point, tests, a README and CI, that knows this repository by name only.
    """
    from stack.scaffold import writing
    from stack.scaffold.naming import named

    naming = named(name, api, kind)
    if kind == "inline" and (base_url or documented):
        raise click.UsageError("`--base-url` and `--docs` tell of a service, which an inline provider has not")
    said = (description or f"{naming.class_name}: say here what it is").rstrip(".") + "."
    address = base_url or f"https://api.{naming.name}.example/v1"
    told = writing.Told(said, address, documented or address)
    start = (output_dir or Path()).absolute()
    if external:
        folder = start / naming.package
        files = writing.external(naming, told)
        writing.write(folder, files)
    else:
        folder = writing.repository(start)
        files = writing.in_tree(folder, naming, told)
        writing.write(folder, files, replace=(f"{writing.REGISTRY}/{api}.py",))
        writing.generate(folder)
    writing.tidy(folder, files)
    for path in files:
        click.echo(f"wrote `{folder / path}`", err=True)
    if not external:
        click.echo("and the pages and distributions that follow; `make codegen` writes them anew", err=True)
    tests = folder if external else folder / next(path for path in files if path.startswith("tests/"))
    click.echo(f"python -m pytest {tests}")
