"""What a build would do, in words."""

from __future__ import annotations

from collections.abc import Iterator

from stack.build.building import GET_UV, Plan
from stack.build.lock import LOCK, Lock, Package
from stack.build.wanted import pip_installs
from stack.cli.table import table
from stack.venv import VENV


def report(plan: Plan, *, in_full: bool) -> str:
    """The plan as a few lines for a person, in full with a table of the packages."""
    return "\n".join(_lines(plan, in_full))


def _lines(plan: Plan, in_full: bool) -> Iterator[str]:
    template = plan.blueprint.template
    what = "a container" if plan.is_container else f"an environment in `{plan.folder / VENV}`"
    others = f"this package and {len(plan.parties) - 1} that want packages of their own:"
    yield f"`{template.name}`: {what}, for {others if plan.parties[1:] else 'this package alone'}"
    for party in plan.parties[1:]:
        yield f"  {party.owner}"
    if plan.lock is None or plan.downloads is None:
        yield f"unlocked, since uv is not installed: {GET_UV} mends it"
        yield from (f"  {install}" for install in pip_installs(plan.parties))
        return
    yield f"{plan.downloads}; {_compared(plan.lock, plan.previous)}"
    rows = [
        (package.name, package.version or "", _size(file.size if file else None))
        for package, file in plan.downloads.packages
    ]
    if in_full:
        yield table(("PACKAGE", "VERSION", "MB"), rows)


def _size(size: int | None) -> str:
    return f"{size / 1_000_000:.1f}" if size is not None else ""


def _compared(lock: Lock, previous: Lock | None) -> str:
    """What changes in the lock, by name."""
    if previous is None:
        return f"a new {LOCK}"
    if lock == previous:
        return f"as {LOCK} says"
    old, new = _versions(previous.packages), _versions(lock.packages)
    changed = [f"{name} {old[name]} -> {new[name]}" for name in old.keys() & new.keys() if old[name] != new[name]]
    changed += [f"+ {name}" for name in new.keys() - old.keys()] + [f"- {name}" for name in old.keys() - new.keys()]
    return f"{LOCK} changes: {', '.join(sorted(changed)) or 'files only'}"


def _versions(packages: tuple[Package, ...]) -> dict[str, str]:
    """The versions of each package: one for each platform or Python where they differ."""
    found: dict[str, list[str]] = {}
    for package in packages:
        found.setdefault(package.name, []).append(package.version or "?")
    return {name: "/".join(versions) for name, versions in found.items()}
