"""Write examples/README.md: what each script shows, and the providers whose checks it needs have passed.

    python scripts/examples.py            write
    python scripts/examples.py --check    write nothing; exit 1 if the page is not as its sources give it

Sources are the docstrings of the scripts (`Needs: chat: answer; tools: call`) and docs/providers/capabilities.
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDER, CAPABILITIES = ROOT / "examples", ROOT / "docs/providers/capabilities"
PAGE = FOLDER / "README.md"
HEAD = """\
# Examples

<!-- Written by scripts/examples.py; do not edit. -->

Start a stack with `stack run starter`, then run a script; each is run by the tests. `STACK_URL` names another address
than `http://127.0.0.1:8321/v1`, and `STACK_MODEL` another model than the playground's, which is no language model:

```sh
GROQ_API_KEY=... stack run starter
STACK_MODEL=groq/llama-3.1-8b-instant python examples/chat.py
```
"""
TABLE = """
## Which script works with which provider

By the checks that a script needs, as [the suite](../docs/providers/capabilities/index.md) found them in front of a
service that it plays: whether a vendor's model can call tools, say, is for the vendor to tell. `inline::llama-cpp` and
`inline::transformers` are described in [Models in this process](../docs/local-models.md).
"""
_CHECK = re.compile(r"^\| ([^|]+) \| (pass|fail|not supported|not tried) \|", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Example:
    """One script. needs: titles of checks that a provider must have passed."""

    name: str
    shows: str
    needs: frozenset[str]


def examples() -> list[Example]:
    """The scripts, by name. Raises: SystemExit for one that does not say what it needs."""
    return [_example(path) for path in sorted(FOLDER.glob("*.py"))]


def _example(path: Path) -> Example:
    told = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    first, _, needs = told.partition("\n\nNeeds: ")
    if not needs:
        raise SystemExit(f"{path}: its docstring has no line `Needs: ...`")
    shows = first.partition("\n\n")[0].replace("\n", " ")
    return Example(path.name, shows, frozenset(need.strip() for need in needs.split(";")))


def passed() -> dict[str, set[str]]:
    """The checks that each provider of inference has passed."""
    found = {}
    for path in sorted(CAPABILITIES.glob("inference_*.md")):
        kind, name = path.stem.removeprefix("inference_").split("_", 1)
        checks = _CHECK.findall(path.read_text("utf-8"))
        found[f"{kind}::{name}"] = {title for title, status in checks if status == "pass"}
    return found


def page() -> str:
    """The text of the page. Raises: SystemExit for a check that no provider was put to."""
    listed, providers = examples(), passed()
    known = set[str]().union(*providers.values())
    for each in listed:
        if unknown := each.needs - known:
            raise SystemExit(f"{each.name}: no provider has passed `{min(unknown)}`: is there such a check?")
    lines = ["", "| script | what it shows |", "|---|---|"]
    lines += [f"| [`{each.name}`]({each.name}) | {each.shows} |" for each in listed]
    names = [each.name.removesuffix(".py").replace("_", " ") for each in listed]
    rows = [f"| provider | {' | '.join(names)} |", f"|---|{'---|' * len(names)}"]
    for provider, checks in providers.items():
        cells = ["yes" if each.needs <= checks else "no" for each in listed]
        rows.append(f"| `{provider}` | {' | '.join(cells)} |")
    return HEAD + "\n".join(lines) + "\n" + TABLE + "\n" + "\n".join(rows) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="compare only; exit 1 on drift")
    text = page()
    if PAGE.is_file() and PAGE.read_text("utf-8") == text:
        return 0
    if parser.parse_args().check:
        print(f"{PAGE} differs: run `make codegen`", file=sys.stderr)
        return 1
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
