"""CPU time per request with 1, 10 and 1,000 models, with as many providers, and without metrics: it must not grow.

Usage: python benchmarks/scale.py [--seconds S]
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
from pathlib import Path

from bench import HERE
from load import measure
from payloads import MODEL, fault, request
from processes import Server, ask_once, cores, free_port, pinned

COUNTS = (1, 10, 1000)
HEAD = "version: 2\nimage_name: scale\napis: [inference]\nproviders:\n  inference:\n"
PROVIDER = """\
  - provider_id: up{n}
    provider_type: remote::openai-compatible
    config: {{base_url: "{url}", api_key: k}}
"""
MODEL_ROW = "- {{model_id: up/{model}-{n}, provider_id: up{provider}, provider_model_id: {model}, model_type: llm}}\n"


def run_yaml(url: str, models: int, providers: int) -> str:
    """A stack with so many models and providers; the request is for the last model of the last provider."""
    rows = "".join(PROVIDER.format(n=n, url=url) for n in range(providers))
    named = "".join(MODEL_ROW.format(model=MODEL, n=n, provider=max(0, providers - models + n)) for n in range(models))
    return f"{HEAD}{rows}models:\n{named}"


def cpu_us(config: Path, model: str, seconds: float) -> float:
    """CPU time of the server per request, 16 in flight, in microseconds."""
    port = free_port()
    command = [sys.executable, "-m", "stack", "run", str(config), "--port", str(port)]
    server = Server("stack", command, port, config.with_suffix(".log"), cores().server)
    asked = request("plain", model)
    try:
        server.start(asked)
        body = ask_once(port, asked).body
        assert not fault("plain", body), fault("plain", body)
        with pinned(cores().load):
            measure(port, asked, body, connections=16, seconds=seconds / 4)
            before = server.cpu_s()
            load = measure(port, asked, body, connections=16, seconds=seconds)
        return (server.cpu_s() - before) / len(load.latencies_s) * 1e6
    finally:
        server.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0, help="length of one measurement")
    seconds = parser.parse_args().seconds
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="scale-")))
        port = free_port()
        upstream = Server(
            "up", [sys.executable, str(HERE / "upstream.py"), str(port)], port, folder / "up.log", cores().upstream
        )
        stack.callback(upstream.stop)
        upstream.start(request("plain", MODEL))
        url = f"http://127.0.0.1:{port}/v1"
        print("CPU us/request, 16 in flight")
        for kind in ("models", "providers"):
            for count in COUNTS:
                config = folder / f"{kind}-{count}.yaml"
                models, providers = (count, 1) if kind == "models" else (1, count)
                config.write_text(run_yaml(url, models, providers))
                print(f"  {count:>5} {kind:<10} {cpu_us(config, f'up/{MODEL}-{models - 1}', seconds):6.0f}", flush=True)
        for word in ("true", "false"):
            config = folder / f"metrics-{word}.yaml"
            config.write_text(f"{run_yaml(url, 1, 1)}server: {{metrics: {word}}}\n")
            print(f"  metrics: {word:<8} {cpu_us(config, f'up/{MODEL}-0', seconds):6.0f}", flush=True)


if __name__ == "__main__":
    main()
