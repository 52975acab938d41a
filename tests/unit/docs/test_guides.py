"""What the guides say is so: their code prints what they say, their files load, their commands and links are there.

In a guide, a Python or YAML block with a file name is that file. Python blocks without one are run in order, next to
those files, as one program; each `print` is followed by the line it prints, as a comment.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click
import pytest

from stack import errors
from stack.cli import main
from stack.config.explain import explain, selected
from stack.config.load import parse_run_config
from stack.config.models import AuthConfig, ModelEntry, ProviderEntry, RunFile, ServerConfig, StorageConfig
from stack.config.shields import ModelShields, SafetyConfig, ShieldEntry, ShieldUse
from stack.config.vector_stores import (
    DeclaredStore,
    EmbeddingChoice,
    IngestionConfig,
    RetrievalConfig,
    RewriteConfig,
    VectorStoresConfig,
)
from stack.distribution import render
from stack.distribution.template import read_template
from stack.registry.spec import ConfigModel
from stack.testing.server_process import ServerProcess, free_port

ROOT = Path(__file__).parents[3]
GUIDES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for pattern in ("*.md", "docs/**/*.md", "distributions/*/*.md", "tests/*/*.md", "benchmarks/*.md")
    for path in sorted(ROOT.glob(pattern))
}
SERVED = "http://127.0.0.1:8321"
BLOCK = re.compile(r"^```(\w+) ?(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PRINTED = re.compile(r"^ *print\(.*\)  # (.+)$", re.MULTILINE)
COMMAND = re.compile(r"(?:\S*/)?(?:stack|stack-server|python -m stack) ([a-z][^#]*)")
LINK = re.compile(r"\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)")


class Block(NamedTuple):
    """A fenced block; `file` is empty where it has no name."""

    language: str
    file: str
    text: str


def blocks(guide: str, language: str) -> list[Block]:
    found = (Block(*match.groups()) for match in BLOCK.finditer(GUIDES[guide]))
    return [block for block in found if block.language == language]


def commands(guide: str) -> list[str]:
    """What follows `stack` in shell blocks and in code within sentences."""
    lines = [line for block in blocks(guide, "sh") for line in block.text.splitlines()]
    lines += re.findall(r"`([^`\n]+)`", BLOCK.sub("", GUIDES[guide]))
    return [match[1] for line in lines if (match := COMMAND.match(line))]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    port = free_port()
    with ServerProcess(["-m", "stack", "run", "starter", "--port", str(port)], port=port, env=clean()) as server:
        yield server.origin


def clean() -> dict[str, str | None]:
    """Takes away what would switch providers on."""
    named = (name for name in os.environ if name.endswith(("_API_KEY", "_URL", "_TOKEN")) or "STACK" in name)
    return dict.fromkeys(name for name in named if name != "STACK_STATE_DIR")


def run(program: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if name not in clean()}
    command = [sys.executable, "-W", "error", "-c", program]
    environ |= {"PYTHONPATH": str(folder), "HOME": str(folder)}
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=300, check=False)


def program_of(guide: str, folder: Path) -> str:
    """The code of a guide, which begins by importing the modules that it shows; all files go into `folder`."""
    named = [block for block in blocks(guide, "python") + blocks(guide, "yaml") if block.file]
    for block in named:
        (folder / block.file).write_text(block.text)
    imports = [f"import {Path(block.file).stem}\n" for block in named if block.language == "python"]
    return "".join(imports + [block.text for block in blocks(guide, "python") if not block.file])


@pytest.mark.parametrize("guide", [name for name in GUIDES if blocks(name, "python")])
def test_the_code_of_a_guide_prints_what_it_says(guide: str, address: str, tmp_path: Path):
    program = program_of(guide, tmp_path)
    done = run(program.replace(SERVED, address), tmp_path)
    assert (done.stdout.splitlines(), done.returncode) == (PRINTED.findall(program), 0), done.stderr


@pytest.mark.parametrize("guide", ["docs/getting-started.md", "docs/configuration.md"])
@pytest.mark.parametrize("environ", [{}, {"GROQ_API_KEY": "gsk-one", "STACK_API_KEYS": "long-enough-key-number-1"}])
def test_the_run_yaml_of_a_guide_loads(guide: str, environ: dict[str, str]):
    (written,) = (block.text for block in blocks(guide, "yaml") if block.file == "run.yaml")
    config = parse_run_config(written, "run.yaml", environ)
    assert len(config.providers["inference"]) == 1 + ("GROQ_API_KEY" in environ)
    assert [model.model_id for model in config.models] == ["chat"]


def test_mistakes_are_told_as_the_guide_says():
    guide = "docs/configuration.md"
    (broken,) = (block.text for block in blocks(guide, "yaml") if block.file == "broken.yaml")
    with pytest.raises(errors.BadConfig) as raised:
        parse_run_config(broken, "broken.yaml", {})
    assert raised.value.message in [block.text.strip() for block in blocks(guide, "text")]


def test_a_setting_is_explained_as_the_guide_says():
    guide = "docs/configuration.md"
    (written,) = (block.text for block in blocks(guide, "yaml") if block.file == "run.yaml")
    [port] = selected(explain(written, "run.yaml", {}), "server.port")
    (told,) = (block.text for block in blocks(guide, "text") if block.text.startswith("server.port"))
    assert [line for line in (port.value, port.origin, port.meaning, port.kind) if f"  {line}\n" not in told] == []


def test_the_templates_of_the_guide_make_distributions(tmp_path: Path):
    templates = [block.text for block in blocks("docs/distributions.md", "yaml")]
    for number, text in enumerate(templates):
        path = tmp_path / f"distribution-{number}" / "template.yaml"
        path.parent.mkdir()
        path.write_text(text)
        parse_run_config(render(read_template(path))["run.yaml"], "run.yaml", {})
    assert len(templates) == 2


@pytest.mark.parametrize("guide", [name for name in GUIDES if commands(name)])
def test_the_commands_of_a_guide_exist(guide: str):
    for said in commands(guide):
        name, *arguments = said.split()
        assert name in main.commands, said
        command = main.commands[name]
        if isinstance(command, click.Group) and arguments:
            assert arguments[0] in command.commands, said
            command = command.commands[arguments[0]]
        known = {option for parameter in command.params for option in parameter.opts}
        assert {each.partition("=")[0] for each in arguments if each.startswith("--")} <= known, said


def test_the_make_targets_of_the_guides_exist():
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    said = re.findall(r"(?:^|`|^ {4}|\.\.\. )make ([a-z]+)(?=`|$|  )", "\n".join(GUIDES.values()), re.MULTILINE)
    assert {"run", "test", "check"} < set(said) <= set(targets)


@pytest.mark.parametrize("guide", [name for name in GUIDES if LINK.search(GUIDES[name])])
def test_the_links_of_a_guide_lead_somewhere(guide: str):
    for file, anchor in LINK.findall(GUIDES[guide]):
        path = (ROOT / guide).parent / file if file else ROOT / guide
        assert path.exists(), file
        if anchor:
            headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in [re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings]


@pytest.mark.parametrize(
    "model",
    [
        *(RunFile, ProviderEntry, ModelEntry, StorageConfig, ServerConfig, AuthConfig),
        *(ShieldEntry, ShieldUse, ModelShields, SafetyConfig),
        *(VectorStoresConfig, EmbeddingChoice, RewriteConfig, RetrievalConfig, IngestionConfig, DeclaredStore),
    ],
)
def test_the_guide_has_every_key_of_run_yaml_as_it_describes_itself(model: type[ConfigModel]):
    rows = [line for line in GUIDES["docs/configuration.md"].splitlines() if line.startswith("|")]
    for name, field in model.model_fields.items():
        scalar = isinstance(field.default, int | float)
        told = [row for row in rows if f"{name}`" in row and str(field.description) in row]
        assert told, name
        assert not scalar or f"`{json.dumps(field.default)}`" in told[0], name  # as YAML has it


@pytest.mark.parametrize(
    "error", [cls for cls in vars(errors).values() if isinstance(cls, type) and issubclass(cls, errors.StackError)]
)
def test_the_guide_has_every_error(error: type[errors.StackError]):
    guide = GUIDES["docs/errors.md"]
    assert error.__name__ in guide
    rows = [line for line in guide.splitlines() if f"`{error.__name__}`" in line]
    concrete = not issubclass(error, errors.ConfigError) and error.__subclasses__() == []
    assert not concrete or any(str(error.status) in row for row in rows), error.__name__
