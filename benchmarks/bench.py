"""Our server against its upstream and against a naive proxy, in one run on one machine.

Usage: python benchmarks/bench.py [--seconds S] [--rounds N] [--targets direct,naive,stack] [--json FILE] [--wrk]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import signal
import statistics
import sys
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from load import Answer, BenchError, Load, ask_once, measure
from payloads import CHUNKS, MODEL, Kind, fault, request
from processes import Cores, Server, cores, free_port, pinned
from report import Figures, Settings, print_report, summary
from wrk import wrk_requests_per_s

TARGETS = ("direct", "naive", "stack")
STARTS = 3
HERE = Path(__file__).parent
RUN_YAML = """\
version: 2
image_name: bench
apis: [inference]
providers:
  inference:
  - provider_id: up
    provider_type: remote::openai-compatible
    config: {{base_url: "{upstream}", api_key: bench}}
models:
- {{model_id: up/{model}, provider_id: up, provider_model_id: {model}, model_type: llm}}
"""


@dataclass(frozen=True)
class Scenario:
    name: str
    kind: Kind
    connections: int
    once: bool = False

    @property
    def items(self) -> int:
        """What one answer counts for: a request, or the chunks of a stream."""
        return 1 if self.kind == "plain" else len(CHUNKS[self.kind])


SCENARIOS = (
    Scenario("plain_1", "plain", 1),
    Scenario("plain_16", "plain", 16),
    Scenario("burst_16", "burst", 16),
    Scenario("paced_32", "paced", 32, once=True),
)


@dataclass
class Target:
    """A server, the requests made to it, and the exact bodies that it must answer with."""

    name: str
    server: Server
    requests: dict[Kind, bytes]
    bodies: dict[Kind, bytes]

    def start(self) -> float:
        """Start anew. Returns seconds to the first good answer."""
        self.server.stop()
        seconds, answer = self.server.start(self.requests["plain"])
        self._check("plain", answer)
        return seconds

    def learn(self) -> None:
        """Check one answer of every kind word by word; from then on all must equal it, byte by byte."""
        for kind, wanted in self.requests.items():
            answer = ask_once(self.server.port, wanted)
            self._check(kind, answer)
            self.bodies[kind] = answer.body

    def _check(self, kind: Kind, answer: Answer) -> None:
        wrong = fault(kind, answer.body) if answer.status == 200 else f"status {answer.status}: {answer.body[:300]!r}"
        if wrong:
            raise BenchError(f"`{self.name}` answers `{kind}` wrongly: {wrong}\n{self.server.log_tail()}")

    def load(self, scenario: Scenario, seconds: float) -> Load:
        kind, duration = scenario.kind, 0.0 if scenario.once else seconds
        try:
            return measure(
                self.server.port,
                self.requests[kind],
                self.bodies[kind],
                connections=scenario.connections,
                seconds=duration,
            )
        except (BenchError, OSError) as error:
            raise BenchError(f"`{self.name}`, {scenario.name}: {error}\n{self.server.log_tail()}") from error


def build(folder: Path, layout: Cores) -> dict[str, Target]:
    """All targets, not started; `direct` is the upstream itself."""
    ports = {name: free_port() for name in TARGETS}
    upstream = f"http://127.0.0.1:{ports['direct']}/v1"
    config = folder / "run.yaml"
    config.write_text(RUN_YAML.format(upstream=upstream, model=MODEL))
    commands = {
        "direct": [str(HERE / "upstream.py"), str(ports["direct"])],
        "naive": [str(HERE / "naive_proxy.py"), str(ports["naive"]), upstream],
        "stack": ["-m", "stack", "run", str(config), "--port", str(ports["stack"])],
    }
    targets = {}
    for name, command in commands.items():
        core = layout.upstream if name == "direct" else layout.server
        server = Server(name, [sys.executable, *command], ports[name], folder / f"{name}.log", core)
        model = f"up/{MODEL}" if name == "stack" else MODEL
        kinds: tuple[Kind, ...] = ("plain", "burst", "paced")
        targets[name] = Target(name, server, {kind: request(kind, model) for kind in kinds}, {})
    return targets


def boot(targets: dict[str, Target], figures: Figures, stack: contextlib.ExitStack) -> None:
    """Start everything, the servers under test a few times over: the first start finds cold caches."""
    for target in targets.values():
        stack.callback(target.server.stop)
    targets["direct"].start()
    under_test = [target for name, target in targets.items() if name != "direct"]
    for _ in range(STARTS):
        for target in under_test:
            figures[target.name]["start_s"].append(target.start())
    for target in under_test:
        figures[target.name]["boot_mb"].append(target.server.memory_mb())
    for target in targets.values():
        target.learn()


def run_round(targets: dict[str, Target], asked: list[str], seconds: float, figures: Figures) -> None:
    """Every scenario on every target, the targets next to each other in time."""
    for scenario in SCENARIOS:
        for name in asked:
            target = targets[name]
            cpu_s = target.server.cpu_s()
            load = target.load(scenario, seconds)
            cpu_s = target.server.cpu_s() - cpu_s
            count = len(load.latencies_s) * scenario.items
            row = figures[name]
            row[f"{scenario.name}_per_s"].append(count / load.seconds)
            row[f"{scenario.name}_cpu_us"].append(cpu_s / count * 1e6)
            row[f"{scenario.name}_p50_us"].append(statistics.median(load.latencies_s) * 1e6)


def cross_check(targets: dict[str, Target], asked: list[str], seconds: float, folder: Path, figures: Figures) -> None:
    for name in asked:
        target = targets[name]
        rate = wrk_requests_per_s(target.server.port, target.requests["plain"], seconds, folder)
        figures[name]["wrk_16_per_s"].append(rate)


def run(settings: Settings) -> Figures:
    """Boot, warm up, measure in interleaved rounds, read the memory."""
    layout = cores()
    figures: Figures = {name: defaultdict(list) for name in settings.targets}
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        targets = build(folder, layout)
        boot({name: targets[name] for name in TARGETS if name in {"direct", *settings.targets}}, figures, stack)
        stack.enter_context(pinned(layout.load))
        for scenario in SCENARIOS[:3]:
            for name in settings.targets:
                targets[name].load(scenario, min(0.3, settings.seconds))
        for _ in range(settings.rounds):
            run_round(targets, settings.targets, settings.seconds, figures)
        if settings.wrk:
            cross_check(targets, settings.targets, settings.seconds, folder, figures)
        for name in settings.targets:
            figures[name]["loaded_mb"].append(targets[name].server.memory_mb())
    return figures


def parse(arguments: list[str]) -> Settings:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=1.0, help="length of one measurement")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each figure; the median counts")
    parser.add_argument("--targets", default=",".join(TARGETS), help="which to measure, comma-separated")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every figure of every round here")
    parser.add_argument("--wrk", action="store_true", help="cross-check requests/s with wrk, which must be on PATH")
    options = parser.parse_args(arguments)
    asked = options.targets.split(",")
    if unknown := set(asked) - set(TARGETS):
        parser.error(f"unknown target `{min(unknown)}`: choose from {', '.join(TARGETS)}")
    if options.seconds <= 0 or options.rounds < 1:
        parser.error("`--seconds` must be above 0 and `--rounds` at least 1")
    ordered = [name for name in TARGETS if name in asked]
    return Settings(options.seconds, options.rounds, ordered, options.json, options.wrk)


def main() -> int:
    settings = parse(sys.argv[1:])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # unwinds, so that no server outlives the run
    machine = f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python {platform.python_version()}"
    try:
        figures = run(settings)
    except BenchError as error:
        print(f"benchmark broken: {error}", file=sys.stderr)
        return 1
    print_report(machine, settings, figures)
    if settings.json:
        settings.json.write_text(json.dumps({"machine": machine, **summary(settings, figures)}, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
