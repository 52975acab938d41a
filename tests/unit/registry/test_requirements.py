"""Lines of `pip install` that other frameworks' providers declare, sorted into the fields of a row."""

from __future__ import annotations

import pytest

from stack.errors import ProviderLoadError
from stack.registry.requirements import sorted_lines

WHEELS = "https://wheels.example/cpu"


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("numpy>=2", (("numpy>=2",), (), ())),
        ('tomli ; python_version < "3.11"', (('tomli ; python_version < "3.11"',), (), ())),
        ("sentence-transformers --no-deps", ((), ("sentence-transformers",), ())),
        (f"torch torchvision --index-url {WHEELS}", ((), (), (("torch", WHEELS), ("torchvision", WHEELS)))),
        (f"torch --extra-index-url={WHEELS}", ((), (), (("torch", WHEELS),))),
    ],
)
def test_a_line_means_what_pip_would_take_it_for(line, found):
    assert sorted_lines([line]) == found


def test_an_option_that_nobody_would_honour_is_refused():
    with pytest.raises(ProviderLoadError, match=r"has the option `--pre`: only `--no-deps`"):
        sorted_lines(["torch --pre"])
