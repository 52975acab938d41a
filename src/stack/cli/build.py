"""`stack build`: an environment or a container with what a stack needs, and the files to run it."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from stack.build.blueprint import Blueprint
    from stack.build.building import Plan


def one_word(ctx: click.Context | None, param: click.Parameter | None, value: str | None) -> str | None:
    """A name as an image can have it: it names a folder, too."""
    if value is not None and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", value):
        raise click.BadParameter("use letters, digits, `.`, `_` and `-`", ctx, param)
    return value


@click.command()
@click.option("--distro", metavar="NAME", help="Build a distribution, or any remote provider's name.")
@click.option("--config", metavar="BUILD_YAML", type=click.Path(exists=True, path_type=Path), help="Build from a file.")
@click.option("--providers", metavar="API=TYPE,...", help="Build from providers: inference=remote::groq, and so on.")
@click.option("--image-type", type=click.Choice(["venv", "container"]), help="What is built; venv if nobody says.")
@click.option("--image-name", metavar="NAME", callback=one_word, help="Name of the stack.")
@click.option(
    "--output-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder to build in; by default one of the stack's name, here, or that of BUILD_YAML.",
)
@click.option("--plan", "plan_only", is_flag=True, help="Print what would be installed and written; touch nothing.")
@click.option("--print-deps-only", is_flag=True, help="Print the commands that would install the packages, unlocked.")
@click.option("--in-place", is_flag=True, help="Install the packages, unlocked, into the environment that runs this.")
@click.option("--upgrade", is_flag=True, help="Take newer versions than those of the pylock.toml that is there.")
@click.option("--offline", is_flag=True, help="Ask no index: take what an earlier build left in the cache.")
@click.option("--force", is_flag=True, help="Replace an environment that is there already.")
@click.option("--run", "run_after", is_flag=True, help="Serve the stack once it is built.")
@click.option("--list-distros", is_flag=True, help="List distributions, and end.")
@click.pass_context
def build(
    ctx: click.Context,
    distro: str | None,
    config: Path | None,
    providers: str | None,
    image_type: str | None,
    image_name: str | None,
    output_dir: Path | None,
    plan_only: bool,
    print_deps_only: bool,
    in_place: bool,
    upgrade: bool,
    offline: bool,
    force: bool,
    run_after: bool,
    list_distros: bool,
) -> None:
    """Make an environment or a container for a stack.

    It holds exactly the packages of the stack's providers, locked by hash in pylock.toml, with build.yaml and run.yaml
    beside it. Edited files are left alone: a new build.yaml or run.yaml is then written beside them as `.new`. In a
    terminal, and with nothing said, it asks what to build.
    """
    from stack.build.building import command_lines, install_in_place, planned
    from stack.cli.build_report import report

    if list_distros:
        from stack.cli.listing import list_distributions

        ctx.invoke(list_distributions)
        return
    _refuse_unread(ctx)
    blueprint = _renamed(_blueprint(distro, config, providers), image_type, image_name)
    if print_deps_only:
        click.echo("\n".join(map(str, command_lines(blueprint.template))))
    elif in_place:
        install_in_place(blueprint.template, offline=offline)
    else:
        folder = output_dir or blueprint.folder
        _check(blueprint, folder, plan_only or force, run_after)
        with planned(blueprint, folder, offline=offline, upgrade=upgrade) as plan:
            click.echo(report(plan, in_full=plan_only), err=not plan_only)
            if plan_only:
                return
            _build(plan, force)
        _next(plan, run_after)


def _refuse_unread(ctx: click.Context) -> None:
    """What says how a folder is built is of no use where none is built, and `--plan` would even be broken."""
    said = {param.name: param.opts[0] for param in ctx.command.params if ctx.params.get(param.name or "")}
    for alone in ("print_deps_only", "in_place"):
        others = said.keys() - {alone, "distro", "config", "providers", "offline"}
        if alone in said and others:
            raise click.UsageError(f"`{said[alone]}` builds nothing: leave `{said[min(others)]}` out")


def _blueprint(distro: str | None, config: Path | None, providers: str | None) -> Blueprint:
    from stack.build.blueprint import from_config, from_distro, from_providers

    said: list[Callable[[], Blueprint]] = []
    if distro is not None:
        said.append(lambda: from_distro(distro))
    if config is not None:
        said.append(lambda: from_config(config))
    if providers is not None:
        said.append(lambda: from_providers(providers))
    if len(said) > 1:
        raise click.UsageError("say one of `--distro`, `--config` and `--providers`")
    if said:
        return said[0]()
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise click.UsageError("say `--distro`, `--config` or `--providers`; in a terminal, it asks")
    from stack.cli.build_guide import guided

    return guided()


def _renamed(blueprint: Blueprint, image_type: str | None, image_name: str | None) -> Blueprint:
    from dataclasses import replace

    if image_name is not None:
        blueprint = blueprint.called(image_name)
    if image_type is None:
        return blueprint
    return replace(blueprint, template=blueprint.template.model_copy(update={"image_type": image_type}))


def _check(blueprint: Blueprint, folder: Path, may_replace: bool, run_after: bool) -> None:
    """What can be said before anybody is asked for packages."""
    from stack.venv import VENV, require_room

    is_container = blueprint.template.image_type == "container"
    if is_container and run_after:
        raise click.UsageError(
            "`--run` serves from a venv: build the image with the command that is printed at the end"
        )
    if not is_container and not may_replace:
        require_room(folder / VENV)


def _build(plan: Plan, force: bool) -> None:
    from stack.build.building import GET_UV, build
    from stack.build.lock import LOCK

    if plan.lock is None:
        remark = (
            f"uv is not installed: pip installs what is newest today, and there will be no {LOCK}; {GET_UV} mends it"
        )
        click.echo(remark, err=True)
    for path in build(plan, replace=force):
        click.echo(f"wrote `{path}`", err=True)


def _next(plan: Plan, run_after: bool) -> None:
    if run_after:
        os.execv(plan.next_command[0], plan.next_command)  # noqa: S606
    click.echo(shlex.join(plan.next_command))
