"""Write what each provider of inference does: docs/providers/capabilities, by the suite, in front of a played service.

    python scripts/capabilities.py            write
    python scripts/capabilities.py --check    write nothing; exit 1 if a page is not what the suite finds

Providers that need packages beyond the base install are left out: what is there depends on the machine.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from stack.registry.discovery import specs
from stack.testing.capabilities import FOLDER, page, page_path
from stack.testing.checking import Report, Way, report
from stack.testing.inference.suite import GROUPS
from stack.testing.target import Target

ROOT = Path(__file__).parents[1]
HEAD = """\
# What providers of inference do

<!-- Written by scripts/capabilities.py; do not edit. -->

Checks passed of each group, in front of a service that [the suite](../../testing-a-provider.md) plays: how requests,
answers and failures pass, not what a vendor's models can. `stack provider check TYPE --live` asks the vendor.

"""


def index(reports: Iterable[Report]) -> str:
    """The table of all providers."""
    lines = [f"| provider | {' | '.join(group.name for group in GROUPS)} |", f"|---|{'---|' * len(GROUPS)}"]
    for each in reports:
        passed = Counter(found.title.partition(":")[0] for found in each.outcomes if found.status == "pass")
        cells = [f"{passed[group.name]} of {len(group.checks)}" if passed[group.name] else "-" for group in GROUPS]
        spec = each.target.spec
        lines.append(f"| [`{spec.provider_type}`]({page_path(spec).name}) | {' | '.join(cells)} |")
    return HEAD + "\n".join(lines) + "\n"


def pages() -> dict[Path, str]:
    """Text by path below the repository."""
    wanted = [spec for spec in specs("inference") if spec.origin == "stack" and not spec.requirements]
    reports = [report(Target(spec), Way()) for spec in wanted]
    found = {page_path(each.target.spec): page(each.target.spec, each.how, each.outcomes) for each in reports}
    return found | {FOLDER / "index.md": index(reports)}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="compare only; exit 1 on drift")
    is_check = parser.parse_args().check
    written = pages()
    there = {path.relative_to(ROOT) for path in (ROOT / FOLDER).glob("inference_*.md")} | {FOLDER / "index.md"}
    differing = sorted(
        path
        for path in there | written.keys()
        if path not in written or not (ROOT / path).is_file() or (ROOT / path).read_text("utf-8") != written[path]
    )
    for path in differing:
        print(path)
        if not is_check:
            (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
            if path in written:
                (ROOT / path).write_text(written[path], encoding="utf-8")
            else:
                (ROOT / path).unlink()
    if is_check and differing:
        print("they differ: run `make codegen`", file=sys.stderr)
    return 1 if is_check and differing else 0


if __name__ == "__main__":
    sys.exit(main())
