"""A row goes into its place; the others stay as they are, to the letter."""

from __future__ import annotations

import pytest

from stack.errors import ConfigError
from stack.registry.spec import API_NAMES
from stack.scaffold.rows import with_row

ONE_LINE = '''"""Who."""

from stack.registry.spec import Row, inline

PROVIDERS: tuple[Row, ...] = (inline("localfs", "Bytes."),)
'''
SEVERAL = """from stack.registry.spec import inline, remote

PROVIDERS = (
    inline("a", "A."),
    remote(
        "m",
        "caf\u00e9 \u2014 M.",  # why
        checked="recorded",
    ),
    remote("z", "Z."),
)
AFTER = 1
"""


def test_a_list_of_one_line_becomes_one_of_several_and_imports_what_it_needs():
    assert (
        with_row(ONE_LINE, "remote", "acme", 'Files of "Acme".')
        == '''"""Who."""

from stack.registry.spec import Row, inline, remote

PROVIDERS: tuple[Row, ...] = (
    inline("localfs", "Bytes."),
    remote("acme", "Files of \\"Acme\\"."),
)
'''
    )


@pytest.mark.parametrize(
    ("kind", "name", "before"),
    [
        ("inline", "b", '    remote(\n        "m"'),
        ("remote", "b", '    remote(\n        "m"'),
        ("remote", "zz", ")\nAFTER"),
    ],
)
def test_a_row_stands_in_the_order_of_the_types(kind: str, name: str, before: str):
    row = f'    {kind}("{name}", "New."),\n'
    written = with_row(SEVERAL, kind, name, "New.")
    assert row + before in written
    assert written.replace(row, "") == SEVERAL


@pytest.mark.parametrize("api", API_NAMES)
@pytest.mark.parametrize("kind", ["inline", "remote"])
def test_our_own_lists_take_a_row(api: str, kind: str):
    import importlib
    import inspect

    source = inspect.getsource(importlib.import_module(f"stack.registry.{api}"))
    space: dict[str, object] = {}
    exec(with_row(source, kind, "new-one", "New."), space)
    rows = [(row.kind, row.name) for row in space["PROVIDERS"]]  # type: ignore[attr-defined]
    assert rows == sorted(rows)
    assert (kind, "new-one") in rows


@pytest.mark.parametrize(
    ("source", "words"), [("X = 1\n", "no tuple `PROVIDERS`"), ("PROVIDERS = (row,)\n", "written otherwise")]
)
def test_a_list_that_is_none_is_told(source: str, words: str):
    with pytest.raises(ConfigError, match=words):
        with_row(source, "remote", "acme", "A.")
