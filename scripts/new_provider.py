"""How long it takes from nothing to a provider of one's own that is served: written, tested, installed, listed.

    python scripts/new_provider.py

Prints the seconds of each step. No key, no network: its service is played on loopback, and the package is installed,
with the packages that are here, into a folder of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stack.testing.inference.service import PlayedService
from stack.testing.server_process import ServerProcess, free_port
from stack.testing.thread import in_thread

NAME = "acme"
RUN_YAML = """\
version: 2
providers:
  inference:
  - {{provider_id: {name}, provider_type: "remote::{name}", config: {{base_url: "{url}"}}}}
"""


@contextmanager
def step(what: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    print(f"{time.perf_counter() - began:6.2f} s  {what}")


def run(*command: str, cwd: Path, **env: str) -> None:
    done = subprocess.run(command, cwd=cwd, env={**os.environ, **env}, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"`{' '.join(command)}` failed:\n{done.stdout}{done.stderr}")


def listed(folder: Path, site: Path) -> list[str]:
    """The models of a served stack whose run.yaml names the provider in one line."""
    with in_thread(PlayedService()) as service:
        (folder / "run.yaml").write_text(RUN_YAML.format(name=NAME, url=service.base_url), encoding="utf-8")
        port = free_port()
        command = ["-m", "stack", "run", "run.yaml", "--strict", "--port", str(port)]
        with ServerProcess(command, port=port, cwd=folder, env={"PYTHONPATH": str(site)}) as server:
            give_up = time.monotonic() + 90
            while time.monotonic() < give_up:  # lists are fetched beside the start
                with urllib.request.urlopen(f"{server.base_url}/models") as answer:  # noqa: S310
                    if found := [model["id"] for model in json.load(answer)["data"]]:
                        return found
                time.sleep(0.05)
    return []


def main() -> int:
    began, python = time.perf_counter(), sys.executable
    with tempfile.TemporaryDirectory() as place:
        folder, site = Path(place), Path(place, "site")
        package = folder / f"stack-provider-{NAME}"
        with step("written by `stack provider new`"):
            run(python, "-m", "stack", "provider", "new", NAME, "--external", cwd=folder)
        with step("its tests are green"):
            run(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=package)
        with step("installed"):
            pip = (python, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation")
            run(*pip, "--target", str(site), str(package), cwd=folder)
        with step("served, and in /v1/models"):
            models = listed(folder, site)
    if f"{NAME}/played-chat" not in models:
        sys.exit(f"/v1/models holds {models}")
    print(f"{time.perf_counter() - began:6.2f} s  in all, for {', '.join(models)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
