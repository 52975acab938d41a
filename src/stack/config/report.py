"""Problems of one file, gathered while it is read and raised together."""

from __future__ import annotations

from typing import NamedTuple, NoReturn

from stack.errors import BadConfig, Problem


class Position(NamedTuple):
    """Where something stands in a file; both count from 1, 0 means the file as a whole."""

    line: int
    column: int


WHOLE_FILE = Position(0, 0)


class Report:
    """The problems found so far in one file."""

    def __init__(self, file: str) -> None:
        self.file = file
        self._problems: list[Problem] = []

    def add(self, at: Position, path: str, message: str) -> None:
        """Note a problem and go on."""
        self._problems.append(Problem(self.file, at.line, at.column, path, message))

    def fail(self, at: Position, message: str) -> NoReturn:
        """Note a problem behind which nothing can be read. Raises: BadConfig."""
        self.add(at, "", message)
        raise self.error()

    def error(self) -> BadConfig:
        """All problems, in the order of the file."""
        return BadConfig(sorted(self._problems, key=lambda problem: (problem.line, problem.column)))

    def check(self) -> None:
        """Raises: BadConfig, when there is any problem."""
        if self._problems:
            raise self.error()


def shown(name: str) -> str:
    """A name for a message: in one line, and not endless."""
    short = name if len(name) <= 80 else name[:80] + "..."
    return short if short.isprintable() else ascii(short)[1:-1]
