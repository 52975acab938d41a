"""`stack list`, `stack list-apis`, `stack list-providers`."""

from __future__ import annotations

import pytest

from stack.cli.table import table
from stack.distribution import get_distribution_template
from stack.registry.discovery import forget_installed, specs
from stack.registry.spec import API_NAMES


def test_list_shows_where_shipped_distributions_are_and_which_are_made(stack):
    lines = stack("list").stdout.splitlines()
    starter = next(line for line in lines if line.startswith("starter "))
    together = next(line for line in lines if line.startswith("together "))
    assert "/distributions/starter " in starter.replace("_distributions", "distributions")
    assert "made on demand" in together


def test_list_apis_counts_the_provider_types_of_each(stack):
    lines = stack("list-apis").stdout.splitlines()[1:]
    assert [line.split()[:2] for line in lines] == [[api, str(len(specs(api)))] for api in API_NAMES]


def test_distributions_that_are_made_stand_by_name_under_what_they_run_as(stack):
    lines = [line for line in stack("list").stdout.splitlines() if "made on demand" in line]
    names = [line.split()[0] for line in lines]
    assert names == sorted(names)
    for name in ("nvidia", "sambanova"):  # they answer inference and safety
        assert lines[names.index(name)].endswith(get_distribution_template(name).description)


@pytest.mark.parametrize("api", [None, "inference", "vector_io"])
def test_list_providers_shows_every_type(stack, api):
    lines = stack("list-providers", *([api] if api else [])).stdout.splitlines()
    assert [line.split()[1] for line in lines[1:]] == [spec.provider_type for spec in specs(api)]


@pytest.fixture
def acme(tmp_path, monkeypatch):
    """A package with a provider, as if it were installed for one test."""
    info = tmp_path / "site/acme-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1\nSummary: Acme models.\n")
    (info / "entry_points.txt").write_text("[stack.providers.inference]\nremote::acme = no_such_module:SPEC\n")
    monkeypatch.syspath_prepend(str(info.parent))
    forget_installed()
    yield
    forget_installed()


@pytest.mark.usefixtures("acme")
def test_list_providers_shows_an_installed_package_without_importing_it(stack):
    line = next(line for line in stack("list-providers").stdout.splitlines() if "remote::acme" in line)
    assert line.split() == ["inference", "remote::acme", "acme", "acme", "Acme", "models."]


def test_list_providers_of_an_unknown_api_names_the_nearest(stack):
    ended = stack("list-providers", "infrence")
    assert ended.exit_code == 2
    assert "did you mean `inference`?" in ended.stderr


def test_tables_are_aligned_and_empty_cells_are_seen():
    assert table(("A", "LONGER"), [("one", "x"), ("", "y")]) == "A    LONGER\none  x\n-    y"


def test_what_others_wrote_cannot_command_a_terminal():
    assert table(("A",), [("one\x1b[2J\ntwo",)]) == "A\none [2J two"
