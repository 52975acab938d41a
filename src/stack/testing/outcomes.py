"""What became of the checks of a suite, and how a pytest run tells it: loaded by `-p stack.testing.outcomes`."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pytest

FILE_VARIABLE = "STACK_OUTCOMES"
Status = Literal["pass", "fail", "not supported", "not tried"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """detail: what was asked and answered, of a failure."""

    title: str
    status: Status
    note: str = ""
    detail: str = ""


ENDED = "the suite ended"


def pytest_sessionfinish() -> None:
    """The last line: without it, the interpreter was gone before the suite was done."""
    _write(Outcome(ENDED, "pass"))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """One line of JSON for each test, in the file that the environment names."""
    name = report.nodeid.rpartition("::")[2].removeprefix("test_").replace("_", " ")
    if report.skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        _write(Outcome(name, "not supported", reason.removeprefix("Skipped: ")))
    elif report.failed:
        crash: Any = getattr(report.longrepr, "reprcrash", None)
        note = crash.message if crash else str(report.longrepr)
        _write(Outcome(name, "fail", note.partition("\n")[0], report.longreprtext))
    elif report.when == "call":
        _write(Outcome(name, "pass"))


def _write(outcome: Outcome) -> None:
    with Path(os.environ[FILE_VARIABLE]).open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(outcome)) + "\n")
