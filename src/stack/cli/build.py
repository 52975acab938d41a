"""`stack build`: an environment with what a distribution needs, and the files to run it."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click


def _one_word(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    # It names a folder, and stands unquoted in YAML.
    if value is not None and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", value):
        raise click.BadParameter("use letters, digits, `.`, `_` and `-`", ctx, param)
    return value


@click.command()
@click.option("--distro", "name", required=True, metavar="NAME", help="A distribution, or any remote provider's name.")
@click.option(
    "--image-name", metavar="NAME", callback=_one_word, help="Name of the stack; by default that of the distribution."
)
@click.option(
    "--output-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for venv, build.yaml and run.yaml; by default one of the image's name, here.",
)
@click.option(
    "--print-deps-only", is_flag=True, help="Print the commands that would install the packages; make nothing."
)
@click.option(
    "--in-place", is_flag=True, help="Install the packages into the environment that runs this command; make none."
)
@click.option("--force", is_flag=True, help="Replace an environment that is there already.")
def build(
    name: str, image_name: str | None, output_dir: Path | None, print_deps_only: bool, in_place: bool, force: bool
) -> None:
    """Make an environment for a distribution.

    It is a virtual environment with exactly the packages of the distribution's providers, with build.yaml and
    run.yaml beside it. Edited files are left alone: a new build.yaml or run.yaml is then written beside them as `.new`.
    """
    from stack.build import build_distribution, install_in_place, own_requirement, plan_installs
    from stack.distribution import get_distribution_template

    template = get_distribution_template(name)
    if print_deps_only:
        for install in plan_installs(template, own_requirement()):
            click.echo(str(install))
        return
    if in_place:
        install_in_place(template)
        return
    if image_name is not None:
        template = template.model_copy(update={"name": image_name})
    folder = output_dir or Path(template.name)
    click.echo(f"building `{template.name}` in `{folder}`", err=True)
    for path in build_distribution(template, folder, replace=force):
        click.echo(f"wrote `{path}`", err=True)
    click.echo(shlex.join([str(folder / "venv/bin/stack"), "run", str(folder / "run.yaml")]))
