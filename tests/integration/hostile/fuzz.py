"""Requests that schemathesis makes up from `/openapi.json`, right and wrong, against a real server.

    python tests/integration/hostile/fuzz.py --seconds 300

Half of the time every model is made up, so that whatever the schema allows must be accepted (up to the 404); half of
the time they are the playground's, whose answers must be as documented. Exits 1 if anything is found.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from stack.testing.server_process import ServerProcess, free_port

HERE = Path(__file__).parent
MODELS = "playground/not-an-llm,playground/lexical-embedding"
# A model may refuse an option that the API knows; pages and vector stores have rules between fields, and over ids, that
# a schema cannot tell: what is made up for them need not be accepted either.
INFERENCE_ONLY = ("--exclude-path-regex", "/v1/(files|vector)")
RUNS = {
    "made-up models": ("", INFERENCE_ONLY),
    "real models": (MODELS, ("--exclude-checks", "positive_data_acceptance")),
}


def fuzz(origin: str, seconds: int, models: str, flags: tuple[str, ...], seed: int | None, folder: Path) -> int:
    """Let schemathesis ask for so long; its exit code: 0 if it finds nothing."""
    command = [str(Path(sys.executable).with_name("st")), "--config-file", str(HERE / "schemathesis.toml")]
    command += ["run", f"{origin}/openapi.json", "--workers", "1", "--max-time", str(seconds)]
    command += ["--request-timeout", "60", "--continue-on-failure", "--no-color", "--suppress-health-check", "all"]
    command += [*flags, *(("--seed", str(seed)) if seed is not None else ())]
    env = {**os.environ, "SCHEMATHESIS_HOOKS": "fuzz_hooks", "PYTHONPATH": str(HERE), "FUZZ_MODELS": models}
    return subprocess.run(command, env=env, cwd=folder, check=False).returncode


def fuzz_everything(seconds: int, seed: int | None, folder: Path) -> list[str]:
    """The runs in which something was found; a traceback in the server's log counts as well."""
    port = free_port()
    with ServerProcess(["-m", "stack", "run", "playground", "--port", str(port)], port=port) as server:
        found = [
            name
            for name, (models, flags) in RUNS.items()
            if fuzz(server.origin, seconds // len(RUNS), models, flags, seed, folder) != 0
        ]
        return [*found, "the log"] if "Traceback" in server.output() else found


def main() -> int:
    """Fuzz for `--seconds`."""
    parser = argparse.ArgumentParser(description="Make up requests from /openapi.json.")
    parser.add_argument("--seconds", type=int, default=300)
    parser.add_argument("--seed", type=int, default=None, help="repeat a run")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        return 1 if fuzz_everything(options.seconds, options.seed, Path(folder)) else 0


if __name__ == "__main__":
    sys.exit(main())
