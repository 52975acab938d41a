"""What is to be built: a distribution, a build.yaml, or providers named one by one."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import parse_qsl

from stack.build.drift import drift
from stack.config.load import load_build_config
from stack.config.report import Report
from stack.config.schema import schema_text
from stack.config.yaml import read_text
from stack.distribution import DistributionTemplate, get_distribution_template, render
from stack.distribution.render import SCHEMA
from stack.distribution.template import ProviderChoice, alternatives
from stack.errors import ConfigError, UnknownProvider
from stack.registry.discovery import specs
from stack.registry.spec import API_NAMES

BUILD_YAML, RUN_YAML = "build.yaml", "run.yaml"
NEW_STACK = "my-stack"


@dataclass(frozen=True, slots=True)
class Blueprint:
    """folder: where it is built, unless somebody says otherwise. run_yaml: text to keep instead of the rendered one."""

    template: DistributionTemplate
    folder: Path
    run_yaml: str | None = None

    def texts(self, folder: Path | None = None) -> Mapping[str, str]:
        """build.yaml and run.yaml as they stand in a folder, and the schema that tells an editor about run.yaml."""
        packages = list(_seen_from(folder or self.folder, self.template))
        template = self.template.model_copy(update={"additional_pip_packages": packages})
        rendered = render(template, schema=SCHEMA, uninstalled=True)
        return {
            BUILD_YAML: rendered[BUILD_YAML],
            RUN_YAML: self.run_yaml or rendered[RUN_YAML],
            SCHEMA: schema_text(),
        }

    def called(self, image_name: str) -> Blueprint:
        """The same under another name; a folder that followed from the name follows still."""
        is_of_file = self.folder == Path(self.template.file).parent
        follows = self.folder == Path(self.template.name) and not is_of_file
        folder = Path(image_name) if follows else self.folder
        return replace(self, template=self.template.model_copy(update={"name": image_name}), folder=folder)


def from_distro(name: str) -> Blueprint:
    """A distribution, or a remote provider's own. Raises: ConfigError."""
    return Blueprint(get_distribution_template(name), Path(name))


def from_config(path: Path) -> Blueprint:
    """What a build.yaml, or the one of a folder, asks for; a run.yaml beside it is kept, and must fit.

    Raises: BadConfig, ConfigError naming the providers that are in one of the two files and not in the other.
    """
    path = path / BUILD_YAML if path.is_dir() else path
    config = load_build_config(path)
    spec = config.distribution_spec
    template = DistributionTemplate(
        name=config.image_name,
        file=str(path),
        description=spec.description or f"The providers of {path.name}.",
        providers={
            api: [ProviderChoice(provider_type=each.provider_type, module=each.module) for each in listed]
            for api, listed in spec.providers.items()
        },
        image_type=config.image_type,
        container_image=spec.container_image,
        additional_pip_packages=config.additional_pip_packages,
    )
    beside = path.with_name(RUN_YAML)
    text = read_text(beside, Report(str(beside))) if beside.is_file() else None
    if text is not None and (differences := drift(path, text, beside)):
        raise ConfigError("\n".join(differences))
    return Blueprint(template, path.parent, text)


def from_providers(text: str) -> Blueprint:
    """`api=type,api=type`, such as `inference=remote::vllm?base_url=http://gpu:8000/v1,inference=playground`.

    `remote::` or `inline::` may be left out where it is clear; settings stand behind `?` as in a URL.
    Raises: ConfigError.
    """
    providers: dict[str, list[ProviderChoice]] = {}
    for part in text.replace(";", ",").split(","):
        api, equals, wanted = part.strip().partition("=")
        if not equals or not wanted:
            raise ConfigError(f"`{part.strip()}` names no provider: write `api=type`, such as `inference=remote::groq`")
        if api not in API_NAMES:
            raise ConfigError(f"there is no API `{api}`: did you mean {alternatives(api, API_NAMES)}?")
        choice, listed = _choice(api, wanted), providers.setdefault(api, [])
        if choice.provider_type in (each.provider_type for each in listed):
            raise ConfigError(f"`{choice.provider_type}` is named twice: name it once, and add the other to run.yaml")
        listed.append(choice)
    return chosen(providers)


def chosen(providers: Mapping[str, list[ProviderChoice]], name: str = NEW_STACK) -> Blueprint:
    """A stack of providers that somebody picked."""
    named = ", ".join(dict.fromkeys(choice.provider_type for listed in providers.values() for choice in listed))
    template = DistributionTemplate(name=name, description=f"A stack of {named}.", providers=dict(providers))
    return Blueprint(template, Path(name))


def _seen_from(folder: Path, template: DistributionTemplate) -> Iterator[str]:
    """The additional packages as a build.yaml in a folder names them: paths lead to where they did."""
    beside = Path(template.file).parent
    for package in template.additional_pip_packages:
        if package.startswith(("./", "../")):
            path = os.path.relpath(beside / package, folder)
            package = path if path.startswith("../") else f"./{path}"
        yield package


def _choice(api: str, wanted: str) -> ProviderChoice:
    name, _, query = wanted.partition("?")
    return ProviderChoice(provider_type=_type(api, name), config=dict(parse_qsl(query, keep_blank_values=True)))


def _type(api: str, name: str) -> str:
    """The full provider type. Raises: ConfigError if several have that name, UnknownProvider."""
    types = [spec.provider_type for spec in specs(api) if name in (spec.provider_type, spec.name)]
    if len(types) > 1:
        raise ConfigError(f"`{name}` may be {' or '.join(f'`{each}`' for each in types)}: write which")
    if not types:
        hint = alternatives(name, [spec.name for spec in specs(api)])
        raise UnknownProvider(f"no {api} provider is called `{name}`: did you mean {hint}?")
    return types[0]
