"""Processes that share a port, and end in ways of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ENDING = """
import os, socket, sys
from pathlib import Path
from stack.errors import ConfigError
from stack.server.siblings import REFUSED, Siblings

def serve(listener, report):
    if Path(sys.argv[1]).exists():
        report.send(ConfigError("no luck"))
    Path(sys.argv[1]).touch()
    os._exit(REFUSED)

if __name__ == "__main__":
    print(Siblings(serve, socket.create_server(("127.0.0.1", 0)), 1).run())
"""


def test_one_that_ends_like_a_refusal_without_a_reason_is_replaced(tmp_path: Path):
    script = tmp_path / "ending.py"
    script.write_text(ENDING)
    command = [sys.executable, str(script), str(tmp_path / "died once")]
    ended = subprocess.run(command, timeout=60, capture_output=True, text=True, check=True)
    assert ended.stdout.endswith("no luck\n")
    assert "worker died" in ended.stdout + ended.stderr
