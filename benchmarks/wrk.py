"""A second opinion on requests per second, from wrk (https://github.com/wg/wrk)."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from load import BenchError


def wrk_requests_per_s(port: int, request: bytes, seconds: float, folder: Path) -> float:
    """Requests per second over 16 connections; wrk counts whole seconds. Raises BenchError on any error it saw."""
    if shutil.which("wrk") is None:
        raise BenchError("`--wrk` needs wrk on PATH: install it or leave the flag out")
    script, body = folder / "post.lua", request.partition(b"\r\n\r\n")[2].decode()
    script.write_text(
        f'wrk.method = "POST"\nwrk.body = [==[{body}]==]\nwrk.headers["content-type"] = "application/json"\n'
    )
    url = f"http://127.0.0.1:{port}/v1/chat/completions"
    command = ["wrk", "-t1", "-c16", f"-d{max(1, round(seconds))}s", "-s", str(script), url]
    output = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    found = re.search(r"Requests/sec:\s*([\d.]+)", output)
    if found is None or "Non-2xx" in output or "Socket errors" in output:
        raise BenchError(f"wrk met errors: {output[-500:]}")
    return float(found[1])
