"""Questions that lead to a stack: each has a default, and each list says what its entries are."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import click

from stack.build.blueprint import NEW_STACK, Blueprint, chosen
from stack.cli.build import one_word
from stack.distribution import get_distribution_template
from stack.distribution.lookup import DEFAULT
from stack.distribution.template import ProviderChoice
from stack.errors import nearest, quoted
from stack.registry.discovery import specs
from stack.registry.spec import API_NAMES, APIS


def guided() -> Blueprint:
    """Ask in the terminal until it is clear what to build. Raises: click.Abort, if it is not to be."""
    click.echo("Return takes what stands in brackets.\n")
    name = click.prompt("Name of the stack", default=NEW_STACK, value_proc=_name)
    image_type = click.prompt("Build a", type=click.Choice(["venv", "container"]), default="venv")
    defaults = _defaults()
    answered = [api for api in API_NAMES if specs(api)]
    apis = _ask("APIs", {api: APIS[api] for api in answered}, [api for api in answered if defaults.get(api)])
    providers = {
        api: [
            ProviderChoice(provider_type=each)
            for each in _ask(f"Providers of {api}", _types(api), _default(api, defaults))
        ]
        for api in apis
    }
    picked = [f"{api}={choice.provider_type}" for api, choices in providers.items() for choice in choices]
    command = f"stack build --providers {','.join(picked)} --image-type {image_type} --image-name {name}"
    click.echo(f"\nThe same without questions: {command}")
    click.confirm("Build it?", default=True, abort=True)
    blueprint = chosen(providers, name)
    return replace(blueprint, template=blueprint.template.model_copy(update={"image_type": image_type}))


def _name(value: str) -> str:
    return one_word(None, None, value) or ""


def _defaults() -> Mapping[str, list[str]]:
    """Of each API, what answers with no key and no network: the inline providers of the default distribution."""
    providers = get_distribution_template(DEFAULT).providers
    return {api: [c.provider_type for c in choices if not c.is_remote] for api, choices in providers.items()}


def _default(api: str, defaults: Mapping[str, list[str]]) -> list[str]:
    return defaults.get(api) or [next(iter(_types(api)))]


def _types(api: str) -> dict[str, str]:
    return {spec.provider_type: spec.description for spec in specs(api)}


def _ask(title: str, options: Mapping[str, str], default: Sequence[str]) -> list[str]:
    """Some of the options, at least one, in the order of the answer."""
    names = list(options)
    click.echo(f"\n{title}")
    for number, name in enumerate(names, start=1):
        click.echo(f"{number:4}  {name}: {options[name]}")
    shown = ", ".join(default)
    return list(click.prompt("Numbers or names", default=shown, value_proc=_parser(names)))


def _parser(names: Sequence[str]) -> Callable[[str], list[str]]:
    by_word = {str(number): name for number, name in enumerate(names, start=1)}
    by_word |= {name: name for name in names} | {name.partition("::")[2]: name for name in names if "::" in name}

    def parse(answer: str) -> list[str]:
        words = [word for word in re.split(r"[,\s]+", answer) if word]
        if unknown := [word for word in words if word not in by_word]:
            like = nearest(unknown[0], list(by_word))
            hint = f": did you mean {quoted(like)}?" if like else ": take numbers or names, with commas between them"
            raise click.BadParameter(f"`{unknown[0]}` is not in the list{hint}")
        if not words:
            raise click.BadParameter("choose at least one")
        return list(dict.fromkeys(by_word[word] for word in words))

    return parse
