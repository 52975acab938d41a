"""Provider types are found in rows, entry points of installed packages, and modules that run.yaml names."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from stack.errors import MissingPackage, ProviderLoadError, UnknownProvider
from stack.registry.contract import load_provider_class
from stack.registry.discovery import find_spec, forget_installed, load_config_class, specs

SPEC = """
from stack.registry.spec import ProviderSpec
SPEC = ProviderSpec("inference", "remote::{name}", "A vendor.", module="{module}", packages=("acme-sdk>=2",))
"""
VENDOR = """
from pydantic import SecretStr
from stack.providers.remote.openai_mixin import OpenAIConfig, OpenAIVendor

class Config(OpenAIConfig):
    base_url: str = "https://acme.invalid/v1"

class Acme(OpenAIVendor):
    config: Config
"""


class Site:
    """A folder on sys.path that packages are installed into, with metadata as an installer writes it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def install(self, package: str, entry: str | None, **modules: str) -> None:
        folder = self.root / package
        folder.mkdir()
        (folder / "__init__.py").write_text(modules.pop("init", ""))
        for name, text in modules.items():
            (folder / f"{name}.py").write_text(text)
        info = self.root / f"{package}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.2\nSummary: Acme's models.\n"
        )
        (info / "top_level.txt").write_text(package)
        if entry:
            (info / "entry_points.txt").write_text(f"[stack.providers.inference]\nremote::{entry}\n")
        forget_installed()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    yield Site(tmp_path)
    for name in set(sys.modules) - before:
        if name.partition(".")[0].startswith("acme"):
            del sys.modules[name]
    monkeypatch.undo()
    forget_installed()


def test_every_row_stands_in_order_and_has_a_module_with_config_and_class():
    rows = [spec for spec in specs("inference") if spec.origin == "stack"]
    assert [r.provider_type for r in rows] == sorted(r.provider_type for r in rows)
    for row in rows:
        assert load_config_class(row).__name__ == "Config"
        assert callable(load_provider_class(replace(row, packages=())))  # not all of them are installed


def test_every_provider_module_has_a_row():
    providers = Path(sys.modules["stack"].__path__[0], "providers") if "stack" in sys.modules else None
    assert providers is not None
    modules = {f"{path.parts[-3]}::{path.stem.replace('_', '-')}" for path in providers.glob("*/inference/[a-z]*.py")}
    assert modules == {spec.provider_type for spec in specs("inference") if spec.origin == "stack"}


def test_files_that_only_set_config_stay_short():
    remote = Path(sys.modules["stack"].__path__[0], "providers/remote/inference")
    plain = [path for path in remote.glob("[a-z]*.py") if "    def " not in path.read_text()]
    assert {"groq.py", "openai.py", "together.py", "xai.py", "nvidia.py", "ollama.py", "vllm.py"} <= {
        p.name for p in plain
    }
    assert all(len(path.read_text().splitlines()) < 30 for path in plain)


def test_an_unknown_type_names_the_nearest():
    with pytest.raises(UnknownProvider, match="did you mean `remote::groq`"):
        find_spec("inference", "remote::grok1")


def test_an_installed_package_is_listed_without_being_imported(site: Site):
    site.install("acme_a", "acme-a = acme_a:SPEC", init="raise RuntimeError('imported')")
    listed = {spec.provider_type: spec for spec in specs("inference")}
    assert listed["remote::acme-a"].origin == "acme_a"
    assert listed["remote::acme-a"].description == "Acme's models."


def test_an_entry_point_is_imported_when_its_type_is_named(site: Site):
    site.install(
        "acme_b", "acme-b = acme_b:SPEC", init=SPEC.format(name="acme-b", module="acme_b.vendor"), vendor=VENDOR
    )
    spec = find_spec("inference", "remote::acme-b")
    assert load_config_class(spec)(api_key="k").base_url == "https://acme.invalid/v1"
    assert load_provider_class(spec).__name__ == "Acme"


@pytest.mark.parametrize("declares", ["SPEC", "get_provider_spec", "provider"])
def test_a_module_declares_its_provider(site: Site, declares: str):
    name = f"acme_{declares.lower()}"
    spec = SPEC.format(name="acme-m", module=f"{name}.vendor")
    foreign = f"""
class Foreign:
    api, provider_type, module = "inference", "remote::acme-m", "{name}.vendor"
    pip_packages, config_class = ["acme-sdk"], "{name}.vendor.Config"
def get_provider_spec():
    return [Foreign()]
"""
    init = {"SPEC": spec, "get_provider_spec": foreign, "provider": ""}[declares]
    site.install(name, None, init=init, vendor=VENDOR, **({"provider": foreign} if declares == "provider" else {}))
    found = find_spec("inference", "remote::acme-m", module=f"{name}==1.2")
    assert load_config_class(found).__name__ == "Config"
    assert load_provider_class(found).__name__ == "Acme"


def test_another_version_than_the_demanded_is_refused(site: Site):
    site.install("acme_v", None, init=SPEC.format(name="acme-v", module="acme_v"))
    with pytest.raises(ProviderLoadError, match=r"installed as 1\.2, but `module: acme_v==9` demands 9"):
        find_spec("inference", "remote::acme-v", module="acme_v==9")


def test_a_type_claimed_twice_names_both_packages(site: Site):
    site.install("acme_c", "acme-c = acme_c:SPEC")
    site.install("acme_d", "acme-c = acme_d:SPEC")
    with pytest.raises(ProviderLoadError, match="`acme_c`, `acme_d`"):
        find_spec("inference", "remote::acme-c")


def test_a_type_of_ours_claimed_by_a_package_names_both(site: Site):
    site.install("acme_e", "groq = acme_e:SPEC")
    with pytest.raises(ProviderLoadError, match="`acme_e`, `stack`"):
        find_spec("inference", "remote::groq")


BROKEN = {
    "a missing package": ("import acme_sdk", MissingPackage, r"needs `acme_sdk`.*pip install 'acme-sdk>=2'"),
    "a bug at import": ("1 / 0", ProviderLoadError, r"ZeroDivisionError.*a bug in"),
    "no Config": (
        VENDOR.replace("class Config", "class Settings").replace("config: Config", "pass"),
        ProviderLoadError,
        "`Config`",
    ),
    "no class": (VENDOR.partition("class Acme")[0], ProviderLoadError, "exactly one class .* found none"),
    "two classes": (VENDOR + "\nclass Other(OpenAIVendor): ...", ProviderLoadError, "`Acme`, `Other`"),
    "an abstract method": (
        VENDOR.replace("OpenAIVendor", "OpenAIMixin"),
        ProviderLoadError,
        "`get_api_key`, `get_base_url`",
    ),
    "an overridden client": (VENDOR + "    client = None", ProviderLoadError, "override `authorize`"),
    "a missing method": (
        VENDOR.partition("class Acme")[0] + "class Acme:\n    async def openai_completion(self, request): ...",
        ProviderLoadError,
        "no method `openai_chat_completion`",
    ),
    "a method that is not async": (
        VENDOR + "    def list_models(self): ...",
        ProviderLoadError,
        "must be an `async def`",
    ),
    "other parameters": (
        VENDOR + "    async def openai_embeddings(self, model, input): ...",
        ProviderLoadError,
        r"takes \(model, input\), the protocol says \(request\)",
    ),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_package_is_refused_by_what_is_wrong(site: Site, broken: str):
    text, error, message = BROKEN[broken]
    name = "acme_" + broken.replace(" ", "_")
    site.install(
        name, "acme-x = " + name + ":SPEC", init=SPEC.format(name="acme-x", module=f"{name}.vendor"), vendor=text
    )
    spec = find_spec("inference", "remote::acme-x")
    with pytest.raises(error, match=message):
        _ = load_config_class(spec), load_provider_class(spec)


@pytest.mark.parametrize(
    ("init", "message"),
    [
        ("", "has no `SPEC`"),
        ("SPEC = 7", "no provider spec"),
        (SPEC.format(name="other", module="m"), "declares `inference: remote::other`, not `inference: remote::acme-y`"),
    ],
)
def test_an_entry_point_without_its_spec_is_refused(site: Site, init: str, message: str):
    site.install("acme_y", "acme-y = acme_y:SPEC", init=init)
    with pytest.raises(ProviderLoadError, match=message):
        find_spec("inference", "remote::acme-y")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"init": "def get_provider_spec():\n    1 / 0"}, r"`get_provider_spec\(\)` of `acme_w` failed: ZeroDivision"),
        ({"provider": "1 / 0"}, r"`acme_w\.provider` cannot be imported: ZeroDivisionError"),
        ({"provider": "import no_such_package"}, r"`acme_w\.provider` cannot be imported: ModuleNotFoundError"),
        (
            {"init": "class SPEC: api = provider_type = module = ''; pip_packages = None"},
            "no provider spec: 'NoneType'",
        ),
    ],
)
def test_a_module_that_fails_to_declare_is_refused_like_a_broken_one(site: Site, files: dict[str, str], message: str):
    site.install("acme_w", None, **({"init": ""} | files))
    with pytest.raises(ProviderLoadError, match=message):
        find_spec("inference", "remote::acme-w", module="acme_w")


def test_a_version_of_a_module_of_no_package_cannot_be_demanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "acme_loose.py").touch()
    with pytest.raises(ProviderLoadError, match="`acme_loose` is of no installed package"):
        find_spec("inference", "remote::acme-l", module="acme_loose==2")


def test_a_module_that_declares_nothing_is_told_how(site: Site):
    site.install("acme_n", None)
    with pytest.raises(ProviderLoadError, match="give it `SPEC = ProviderSpec"):
        find_spec("inference", "remote::acme-n", module="acme_n")


def test_a_package_installed_by_pip_is_found(tmp_path: Path):
    project = tmp_path / "project"
    (project / "stack_acme").mkdir(parents=True)
    (project / "stack_acme/__init__.py").write_text(SPEC.format(name="acme-pip", module="stack_acme.vendor"))
    (project / "stack_acme/vendor.py").write_text(VENDOR)
    (project / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        '[project]\nname = "stack-acme"\nversion = "1"\ndescription = "Acme, packed."\n'
        '[project.entry-points."stack.providers.inference"]\n"remote::acme-pip" = "stack_acme:SPEC"\n'
    )
    install = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--target"]
    subprocess.run([*install, str(tmp_path / "site"), str(project)], check=True, capture_output=True)
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path / 'site')!r})\n"
        "from stack.registry.discovery import find_spec, load_config_class\n"
        "print(load_config_class(find_spec('inference', 'remote::acme-pip'))().base_url)"
    )
    ran = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert ran.stdout.strip() == "https://acme.invalid/v1"
