"""`stack build` in an empty folder, with an index of tiny packages instead of the machine's."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from wheel_index import WheelIndex, wheel

from stack.cli import main
from stack.registry.discovery import forget_installed

# A program that tells how it was called, in the place of this package's own.
OWN = {"own_stack.py": "import sys\n\n\ndef main():\n    print('served', *sys.argv[1:], flush=True)\n"}
PROVIDERS = """\
from stack.registry.spec import ProviderConfig, ProviderSpec

SPEC = [
{specs}
]


class Config(ProviderConfig):
    pass
"""


@pytest.fixture
def index() -> Iterator[WheelIndex]:
    with WheelIndex() as running:
        yield running


@pytest.fixture
def own_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """This package as installed from a wheel file: `stack` 9, which needs nothing and has a program."""
    file, content = wheel("stack", "9", files=OWN, entry_points="[console_scripts]\nstack = own_stack:main\n")
    path = tmp_path / "own" / file
    path.parent.mkdir()
    path.write_bytes(content)
    info = tmp_path / "site/stack-9.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: stack\nVersion: 9\n")
    (info / "direct_url.json").write_text(f'{{"url": "{path.as_uri()}", "archive_info": {{}}}}')
    monkeypatch.syspath_prepend(str(info.parent))
    return path


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, index: WheelIndex, own_wheel: Path) -> Callable[..., Result]:
    """`stack("build", ...)` in an empty folder; uv and pip ask the index, with a password, and share no cache."""
    for name in [name for name in os.environ if name.startswith(("UV_", "PIP_"))]:
        monkeypatch.delenv(name)
    with_password = index.url.replace("http://", "http://someone:canary-password@")
    settings = {"UV_DEFAULT_INDEX": with_password, "UV_CACHE_DIR": str(tmp_path / "uv"), "UV_NO_CONFIG": "1"}
    settings |= {"PIP_INDEX_URL": with_password, "PIP_CONFIG_FILE": os.devnull, "PIP_NO_CACHE_DIR": "1"}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return lambda *arguments: CliRunner().invoke(main, arguments, prog_name="stack")


@pytest.fixture
def without_uv(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine where uv is neither a program nor a package."""
    monkeypatch.setitem(sys.modules, "uv", None)
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.fixture
def build_yaml(tmp_path: Path, index: WheelIndex, own_wheel: Path) -> Callable[..., str]:
    """`build_yaml(a={"packages": ("x>=1",)})`: providers `remote::a` of a package `acme`, and a build.yaml of them."""

    def build_yaml(more: str = "", **rows: dict[str, object]) -> str:
        specs = "".join(
            f"    ProviderSpec('inference', 'remote::{name}', 'A provider.', __name__, **{fields!r}),\n"
            for name, fields in rows.items()
        )
        index.add("acme")
        site = own_wheel.parent.parent / "site"
        (site / "acme-1.dist-info").mkdir(exist_ok=True)
        (site / "acme-1.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1\n")
        (site / "acme-1.dist-info/RECORD").write_text("acme.py,,\n")
        (site / "acme.py").write_text(PROVIDERS.format(specs=specs))
        sys.modules.pop("acme", None)
        forget_installed()
        listed = "".join(f"    - {{provider_type: remote::{name}, module: acme}}\n" for name in rows)
        path = tmp_path / "here/made/build.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"distribution_spec:\n  providers:\n    inference:\n{listed}image_name: made\n{more}")
        return "made/build.yaml"

    yield build_yaml
    sys.modules.pop("acme", None)
    forget_installed()
