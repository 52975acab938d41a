"""Where distributions are: the shipped ones in a folder, and one for every remote provider, made when asked for."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from stack.config.report import Report
from stack.config.yaml import read_text
from stack.distribution.entries import remote_rows
from stack.distribution.render import render
from stack.distribution.template import DistributionTemplate, ProviderChoice, read_template
from stack.errors import ConfigError, nearest

DEFAULT = "starter"  # its inline providers are the defaults beside a single remote one


def distributions_dir() -> Path:
    """The folder of the shipped distributions: the repository's own if this is its source, else the wheel's copy.

    An editable install may keep an old copy elsewhere; it is never looked at. Raises: ConfigError if there is none.
    """
    package = Path(__file__).resolve().parents[1]
    repository = package.parents[1]
    beside = repository / "distributions"
    if package.parent.name == "src" and (repository / "pyproject.toml").is_file() and beside.is_dir():
        return beside
    if (packaged := package / "_distributions").is_dir():
        return packaged
    raise ConfigError(f"no distributions at `{beside}` or `{packaged}`: reinstall the package `stack`")


def distribution_names() -> list[str]:
    """The shipped distributions, sorted."""
    return sorted(path.parent.name for path in distributions_dir().glob("*/template.yaml"))


def get_distribution_template(name: str) -> DistributionTemplate:
    """A shipped distribution, or for the bare name of a remote provider: that provider with the inline defaults.

    Raises: ConfigError naming the nearest names, BadConfig for a template with mistakes.
    """
    if name in distribution_names():
        return read_template(distributions_dir() / name / "template.yaml")
    rows = [spec for spec in remote_rows() if spec.name == name]
    if not rows:
        raise ConfigError(f"no distribution is called `{name}`: {_suggest(name)}", code="unknown_distribution")
    default = get_distribution_template(DEFAULT)
    providers = {api: [c for c in choices if not c.is_remote] for api, choices in default.providers.items()}
    for spec in rows:
        providers.setdefault(spec.api, []).insert(0, ProviderChoice(provider_type=spec.provider_type))
    return DistributionTemplate(name=name, description=rows[0].description, providers=providers)


def run_config_source(name_or_path: str) -> tuple[str, str]:
    """The text of a run.yaml and what to call it in messages.

    Taken from, in this order: a file, a folder that holds run.yaml (what `stack build` writes), a shipped
    distribution, a remote provider's name (rendered, nothing is written). Raises: ConfigError listing what was tried.
    """
    if path := _existing(name_or_path):
        return read_text(path, Report(str(path))), str(path)
    if name_or_path in _provider_names():
        return render(get_distribution_template(name_or_path))["run.yaml"], f"{name_or_path}/run.yaml"
    raise _nothing_there(name_or_path)


def run_config_path(name_or_path: str) -> Path:
    """The run.yaml of a file, a folder or a shipped distribution. Raises: ConfigError listing what was tried."""
    if path := _existing(name_or_path):
        return path
    if name_or_path in _provider_names():
        raise ConfigError(
            f"`{name_or_path}` is a remote provider without a file of its own: run"
            f" `stack build --distro {name_or_path}` to write one"
        )
    raise _nothing_there(name_or_path)


def _candidates(name_or_path: str) -> list[Path]:
    path = Path(name_or_path)
    with suppress(RuntimeError):  # the home of nobody who is known here: then it is a name like any other
        path = path.expanduser()
    return [path, path / "run.yaml", distributions_dir() / name_or_path / "run.yaml"]


def _existing(name_or_path: str) -> Path | None:
    return next((path for path in _candidates(name_or_path) if path.is_file()), None)


def _provider_names() -> list[str]:
    return sorted({spec.name for spec in remote_rows()})


def _nothing_there(name_or_path: str) -> ConfigError:
    tried = ", ".join(f"`{path}`" for path in _candidates(name_or_path))
    return ConfigError(
        f"no run.yaml for `{name_or_path}`: tried {tried} and the names of remote providers; {_suggest(name_or_path)}",
        code="unknown_distribution",
    )


def _suggest(name: str) -> str:
    known = distribution_names() + _provider_names()
    hint = nearest(name, known) or distribution_names()
    return f"did you mean {' or '.join(f'`{known_name}`' for known_name in hint)}?"
