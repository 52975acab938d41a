"""Write what is derived: build.yaml, run.yaml and README.md of each distribution, and the pages in docs/providers.

    python scripts/distro_codegen.py            write
    python scripts/distro_codegen.py --check    write nothing; print the differences and exit 1 if there are any

Sources are `distributions/*/template.yaml`, the registry rows and the `Config` classes. Exit 2: a source is wrong.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from stack.distribution.generate import drift, generate, write
from stack.errors import ConfigError


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="compare only; exit 1 on drift")
    parser.add_argument("--root", type=Path, default=Path(__file__).parents[1], help="the repository to work on")
    options = parser.parse_args()
    try:
        files = generate(options.root)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    if options.check:
        differences = list(drift(options.root, files))
        print("".join(differences), end="")
        if differences:
            print(f"{len(differences)} differ: run `make codegen`", file=sys.stderr)
        return 1 if differences else 0
    for name in write(options.root, files):
        print(name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
