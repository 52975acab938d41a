"""The suites that are pytest classes, run by themselves in an interpreter of their own: vector_io, files, safety."""

from __future__ import annotations

import importlib
import inspect
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from stack.errors import ConfigError, quoted
from stack.registry.discovery import find_spec
from stack.testing.inference.checks import LIMIT_S
from stack.testing.inference.making import configured, provider_of, sample
from stack.testing.outcomes import ENDED, FILE_VARIABLE, Outcome
from stack.testing.target import Target

TOLD = "STACK_CHECKED_PROVIDER"


class Suite(NamedTuple):
    """Where the class of a suite is, and the fixture that gives it its provider. needs: what it has no default for."""

    module: str
    name: str
    fixture: str
    needs: Mapping[str, str] = MappingProxyType({})


SUITES = {
    "files": Suite("stack.testing.files", "FileStoreContract", "store"),
    "safety": Suite(
        "stack.testing.safety",
        "SafetyContract",
        "provider",
        {"violating": "a text that the provider objects to, with its settings as `--set` says"},
    ),
    "vector_io": Suite("stack.testing.vector_io", "VectorIOContract", "provider"),
}
TEST = """\
import pytest_asyncio
from {module} import {name}
from stack.testing.suites import told

class TestProvider({name}):
    @pytest_asyncio.fixture
    async def {fixture}(self):
        async with told() as made:
            yield made

for name, value in {facts!r}.items():
    setattr(TestProvider, name, value)
"""


@asynccontextmanager
async def told() -> AsyncIterator[Any]:
    """The provider that the environment names, made as the runtime makes it. For the test above."""
    said = json.loads(os.environ[TOLD])
    spec = find_spec(said["api"], said["type"], said["module"])
    instance, _ = configured(spec, sample(spec) | said["settings"], os.environ, said["module"])
    async with provider_of(instance) as provider:
        yield provider


def outcomes_of(
    target: Target, settings: Mapping[str, Any], facts: Mapping[str, Any], environ: Mapping[str, str]
) -> list[Outcome]:
    """What the suite of a provider's API finds. facts: of the class, such as `recall`. Raises: ConfigError."""
    spec = target.spec
    suite = SUITES.get(spec.api)
    if suite is None:
        raise ConfigError(f"there is no suite for `{spec.api}`: there are those of {quoted(['inference', *SUITES])}")
    # Mistakes are told before anything runs.
    configured(spec, sample(spec) | dict(settings), environ, target.module)
    _check_facts(spec.api, suite, facts)
    with tempfile.TemporaryDirectory(prefix="stack-check-") as folder:
        test, found = Path(folder, "test_provider.py"), Path(folder, "outcomes")
        test.write_text(TEST.format(**suite._asdict(), facts=dict(facts)), encoding="utf-8")
        said = {"api": spec.api, "type": spec.provider_type, "module": target.module, "settings": dict(settings)}
        env = {**environ, TOLD: json.dumps(said), FILE_VARIABLE: str(found)}
        done = _pytest(Path(folder), test, env)
        lines = found.read_text(encoding="utf-8").splitlines() if found.is_file() else []
        outcomes = [Outcome(**json.loads(line)) for line in lines]
        checks = [each for each in outcomes if each.title != ENDED]
        if not checks:
            raise ConfigError(f"the suite did not run; it needs pytest, pytest-asyncio and hypothesis:\n{done}")
        early = Outcome(
            ENDED, "fail", f"its interpreter ended in the middle of a check, or for one of {LIMIT_S:g} seconds", done
        )
        return [*merged(checks), *([] if len(checks) < len(outcomes) else [early])]


def _check_facts(api: str, suite: Suite, facts: Mapping[str, Any]) -> None:
    """What the class annotates may be told, and must be where it has no value. Raises: ConfigError."""
    try:
        contract = vars(importlib.import_module(suite.module))[suite.name]
    except ImportError as error:
        raise ConfigError(f"the suite of `{api}` needs pytest, pytest-asyncio and hypothesis: {error}") from error
    known = {name for each in contract.__mro__ for name in inspect.get_annotations(each)}
    if unknown := sorted(facts.keys() - known):
        may = f"may be told {quoted(sorted(known))}" if known else "wants to be told nothing"
        raise ConfigError(f"the suite of `{api}` knows no `{unknown[0]}`: it {may}")
    if missing := sorted(name for name in known - facts.keys() if not hasattr(contract, name)):
        name = missing[0]
        raise ConfigError(f"the suite of `{api}` must know {suite.needs[name]}: say `--tell {name}=...`")


def merged(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """One outcome for each test, whatever it was parametrized with: the first failure, else whether one passed."""
    cases: dict[str, list[Outcome]] = {}
    for each in outcomes:
        cases.setdefault(each.title.partition("[")[0], []).append(each)
    return [_merged(title, each) for title, each in cases.items()]


def _merged(title: str, cases: list[Outcome]) -> Outcome:
    failed = [each for each in cases if each.status == "fail"]
    if failed:
        note = f"{len(failed)} of {len(cases)} cases, as `{failed[0].title}`: {failed[0].note}"
        return replace(failed[0], title=title, note=note if len(cases) > 1 else failed[0].note)
    passed = [each for each in cases if each.status == "pass"]
    return replace((passed or cases)[0], title=title)


def _pytest(folder: Path, test: Path, env: Mapping[str, str]) -> str:
    options = ["-q", "-c", os.devnull, "--rootdir", str(folder), "-p", "no:cacheprovider", "-o", "asyncio_mode=auto"]
    options += ["-o", "asyncio_default_fixture_loop_scope=function", "--import-mode=importlib"]
    options += ["-o", f"faulthandler_timeout={LIMIT_S}", "-o", "faulthandler_exit_on_timeout=true"]
    # The caller's folder may hold the module that is examined.
    path = os.pathsep.join(filter(None, (os.getcwd(), env.get("PYTHONPATH", ""))))
    command = [sys.executable, "-m", "pytest", *options, "-p", "stack.testing.outcomes", str(test)]
    kept = {name: value for name, value in env.items() if name != "PYTEST_ADDOPTS"}  # they may leave checks out
    done = subprocess.run(  # noqa: S603
        command, env={**kept, "PYTHONPATH": path}, cwd=folder, capture_output=True, text=True, check=False
    )
    return (done.stdout + done.stderr)[-2000:]
