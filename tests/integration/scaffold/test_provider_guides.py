"""The guides of providers, executed as they are written: the commands of each way, in order, in one shell."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
ADDING = (ROOT / "docs/adding-a-provider.md").read_text(encoding="utf-8")
TESTING = (ROOT / "docs/testing-a-provider.md").read_text(encoding="utf-8")


def commands(guide: str, way: str) -> list[str]:
    return re.findall(rf"^```sh {way}\n(.*?)^```$", guide, re.MULTILINE | re.DOTALL)


def shell(script: str, folder: Path, **env: str) -> str:
    """What bash prints; it ends at the first command that fails. What is installed goes into a folder of its own."""
    site = folder / "site"
    more = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(site),
        "PIP_TARGET": str(site),
        "PIP_NO_INDEX": "1",
        "PIP_NO_DEPS": "1",
        "PIP_NO_BUILD_ISOLATION": "0",  # pip reads it the wrong way round: this switches isolation off
    }
    named = [name for name in os.environ if name.endswith(("_API_KEY", "_URL"))]
    inherited = {name: value for name, value in os.environ.items() if name not in named}
    done = subprocess.run(
        ["bash", "-e", "-c", script],
        cwd=folder,
        env=inherited | more | env,
        capture_output=True,
        text=True,
        check=False,
        timeout=1200,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("script", commands(ADDING, "out-of-tree"))
def test_the_way_out_of_tree_leads_to_a_green_provider(script: str, tmp_path: Path):
    printed = shell(script, tmp_path)
    assert re.search(r"\d+ passed", printed)
    assert re.search(r"::\w+: \d+ passed, 0 failed", printed)


def test_the_way_in_tree_leads_to_a_green_provider(checkout: Path):
    printed = shell("".join(commands(ADDING, "in-tree")), checkout, PYTHONPATH=str(checkout / "src"))
    assert len(re.findall(r"\d+ passed", printed)) == 3
    assert "remote::acme: 58 passed, 0 failed" in printed
    assert (checkout / "docs/providers/capabilities/inference_remote_acme.md").is_file()
    assert "remote::acme " in printed.partition("STATE")[2]


def test_the_classes_of_the_guide_are_tests_that_pass(tmp_path: Path):
    shown = re.findall(r"^```python (test_\w+\.py)\n(.*?)^```$", TESTING, re.MULTILINE | re.DOTALL)
    for name, text in shown:
        (tmp_path / name).write_text(text)
    script = "python -m pytest -q -p no:cacheprovider -o asyncio_mode=auto --import-mode=importlib"
    assert (len(shown), " passed" in shell(script, tmp_path)) == (2, True)


def test_the_commands_of_the_guide_examine(tmp_path: Path):
    (script,) = commands(TESTING, "examine")
    assert "remote::groq: 58 passed, 0 failed, 2 not supported" in shell(script, tmp_path)
