"""The words of a `pip install` line, as Llama Stack's providers give them, sorted into what a row tells apart."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from typing import NamedTuple

from stack.errors import ProviderLoadError

_INDEX = ("--index-url", "-i", "--extra-index-url")


class Requirements(NamedTuple):
    """The fields of a `ProviderSpec` of the same names."""

    packages: tuple[str, ...]
    packages_no_deps: tuple[str, ...]
    from_index: tuple[tuple[str, str], ...]


def sorted_lines(lines: Iterable[str]) -> Requirements:
    """`torch --index-url URL` and `name --no-deps` mean what they would mean to pip, for each name of the line.

    Raises: ProviderLoadError for an option that is neither.
    """
    packages: list[str] = []
    without_deps: list[str] = []
    from_index: list[tuple[str, str]] = []
    for line in lines:
        # A requirement may hold spaces, as in `name ; python_version < "3.12"`: then it is alone on its line.
        words = shlex.split(line) if " -" in line else [line]
        names, no_deps, index = _options(words, line)
        if index is not None:
            from_index += [(name, index) for name in names]
        else:
            (without_deps if no_deps else packages).extend(names)
    return Requirements(tuple(packages), tuple(without_deps), tuple(from_index))


def _options(words: list[str], line: str) -> tuple[list[str], bool, str | None]:
    names, no_deps, index = [], False, None
    rest = iter(words)
    for word in rest:
        option, _, value = word.partition("=")
        if option in _INDEX:
            index = value or next(rest, None)
        elif word == "--no-deps":
            no_deps = True
        elif word.startswith("-"):
            raise ProviderLoadError(f"`{line}` has the option `{word}`: only `--no-deps` and `--index-url` are known")
        else:
            names.append(word)
    return names, no_deps, index
