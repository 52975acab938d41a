"""Figures of all rounds -> medians, ratios, verdicts, and the table that is printed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

Figures = dict[str, dict[str, list[float]]]
"""Target -> figure -> one value per round."""


@dataclass(frozen=True)
class Settings:
    seconds: float
    rounds: int
    targets: list[str]
    json: Path | None
    wrk: bool


class Row(NamedTuple):
    figure: str
    label: str
    digits: int = 0
    more_is_better: bool = False


class Goal(NamedTuple):
    figure: str
    cpu_figure: str
    label: str
    factor: float


ROWS = (
    Row("plain_1_per_s", "requests/s, 1 in flight", more_is_better=True),
    Row("plain_16_per_s", "requests/s, 16 in flight", more_is_better=True),
    Row("wrk_16_per_s", "requests/s, 16 in flight, by wrk", more_is_better=True),
    Row("plain_1_cpu_us", "CPU us/request, 1 in flight"),
    Row("plain_16_cpu_us", "CPU us/request, 16 in flight"),
    Row("added_p50_us", "added p50 us, 1 in flight"),
    Row("burst_16_per_s", "burst chunks/s, 16 in flight", more_is_better=True),
    Row("burst_16_cpu_us", "CPU us/chunk, burst", 2),
    Row("paced_32_cpu_us", "CPU us/chunk, paced, 32 in flight"),
    Row("start_s", "s from start to first good answer", 2),
    Row("boot_mb", "resident MB at boot"),
    Row("loaded_mb", "resident MB after load"),
)
GOALS = (
    Goal("plain_16_per_s", "plain_16_cpu_us", "requests", 12),
    Goal("burst_16_per_s", "burst_16_cpu_us", "streamed chunks", 30),
)


def medians(figures: Figures) -> dict[str, dict[str, float]]:
    """Target -> figure -> median of the rounds, with the median latency that each adds to the upstream's own."""
    table = {name: {figure: median(values) for figure, values in rows.items()} for name, rows in figures.items()}
    if "direct" in table:
        for name in table.keys() - {"direct"}:
            table[name]["added_p50_us"] = table[name]["plain_1_p50_us"] - table["direct"]["plain_1_p50_us"]
    return table


def ratio(row: Row, ours: float, theirs: float) -> float | None:
    """How many times better ours is: above 1 is better, whether more or less of it is wanted."""
    above, below = (ours, theirs) if row.more_is_better else (theirs, ours)
    return above / below if above > 0 and below > 0 else None


def ratios(table: dict[str, dict[str, float]], other: str) -> dict[str, float]:
    if "stack" not in table or other not in table:
        return {}
    ours, theirs = table["stack"], table[other]
    shared = [row for row in ROWS if row.figure in ours and row.figure in theirs]
    found = {row.figure: ratio(row, ours[row.figure], theirs[row.figure]) for row in shared}
    return {figure: value for figure, value in found.items() if value is not None}


def summary(settings: Settings, figures: Figures) -> dict[str, Any]:
    """Everything, for a machine to read."""
    table = medians(figures)
    to_naive = ratios(table, "naive")
    return {
        "seconds": settings.seconds,
        "rounds": settings.rounds,
        "medians": table,
        "values": figures,
        "stack_to_naive": to_naive,
        "stack_to_direct": ratios(table, "direct"),
        "met": {goal.figure: to_naive[goal.figure] >= goal.factor for goal in GOALS if goal.figure in to_naive},
    }


def print_report(machine: str, settings: Settings, figures: Figures) -> None:
    table = medians(figures)
    to_naive, to_direct = ratios(table, "naive"), ratios(table, "direct")
    print(f"{machine}; median of {settings.rounds} rounds of {settings.seconds:g} s, one core per server\n")
    names = "".join(f"{name:>12}" for name in settings.targets)
    print(f"{'':36}{names}{'vs naive':>12}{'vs direct':>12}".rstrip())
    for row in ROWS:
        values = [table[name].get(row.figure) for name in settings.targets]
        if any(value is not None for value in values):
            cells = "".join(f"{'-' if value is None else f'{value:,.{row.digits}f}':>12}" for value in values)
            against_direct = to_direct if row.figure.endswith("_per_s") else {}
            factors = "".join(_factor(found.get(row.figure)) for found in (to_naive, against_direct))
            print(f"{row.label:36}{cells}{factors}".rstrip())
    print()
    for goal in GOALS:
        print(_verdict(goal, to_naive))


def _factor(value: float | None) -> str:
    return f"{'' if value is None else f'{value:.2f}x' if value < 10 else f'{value:.0f}x':>12}"


def _verdict(goal: Goal, to_naive: dict[str, float]) -> str:
    reached = to_naive.get(goal.figure)
    if reached is None:
        return f"{goal.label}: not measured, `naive` and `stack` are both needed (target >= {goal.factor:g}x naive)"
    word = "met" if reached >= goal.factor else "NOT met"
    by_cpu = to_naive[goal.cpu_figure]
    return f"{goal.label}: {reached:.1f}x naive ({by_cpu:.1f}x by CPU time), target >= {goal.factor:g}x: {word}"
