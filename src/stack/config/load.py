"""run.yaml and build.yaml to checked values; all problems of a file at once, as `file:line:column: path: ...`.

Placeholders are the only way from the environment into a configuration, and this is where they meet it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from stack.config.models import BuildConfig, RunConfig, secret_values
from stack.config.report import Report, shown
from stack.config.run_file import RunFileReader
from stack.config.source import Source
from stack.config.yaml import Section, read_text

__all__ = ["load_build_config", "load_run_config", "parse_run_config", "secret_values"]


def load_run_config(path: Path, environ: Mapping[str, str] | None = None) -> RunConfig:
    """What a run.yaml means in an environment, `os.environ` if left out. Raises: BadConfig."""
    return parse_run_config(read_text(path, Report(str(path))), str(path), environ)


def parse_run_config(text: str, file: str, environ: Mapping[str, str] | None = None) -> RunConfig:
    """The same for the text of a run.yaml; `file` is its name in messages. Raises: BadConfig."""
    source = Source(text, file, os.environ if environ is None else environ)
    _check_kind(source, "distribution_spec", "providers", "this is a build.yaml: `stack build --config` reads it")
    return RunFileReader(source).config()


def load_build_config(path: Path, environ: Mapping[str, str] | None = None) -> BuildConfig:
    """What a build.yaml means; a `module:` need not be installed yet. Raises: BadConfig."""
    text = read_text(path, Report(str(path)))
    source = Source(text, str(path), os.environ if environ is None else environ)
    _check_kind(source, "providers", "distribution_spec", "this is a run.yaml: `stack run` serves it")
    config = source.read(BuildConfig, source.root, "")
    _check_build_providers(source)
    source.report.check()
    assert config is not None
    return config


def _check_kind(source: Source, theirs: str, ours: str, message: str) -> None:
    """Whether a file is the one for the other thing; else every key of it would be told. Raises: BadConfig."""
    entries = source.root.entries
    if theirs in entries and ours not in entries:
        source.report.fail(entries[theirs].key_at, message)


def _check_build_providers(source: Source) -> None:
    spec = source.root.get("distribution_spec")
    providers = spec.get("providers") if isinstance(spec, Section) else None
    for api, entry in providers.entries.items() if isinstance(providers, Section) else ():
        path = f"distribution_spec.providers.{shown(api)}"
        if source.check_api(api, shown(api), entry.key_at, path):
            for section, where in source.sections(entry.node, path):
                wanted, module = (source.word(section.get(key)) for key in ("provider_type", "module"))
                if wanted and wanted.text and not module:
                    source.find(api, wanted, module, where)
