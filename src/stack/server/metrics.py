"""What the server counts: plain numbers while it answers, Prometheus's text format when somebody asks for it."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from stack.apis.wire import ReplyMeta
from stack.errors import StackError, UpstreamError
from stack.server.room import Room

if TYPE_CHECKING:
    from prometheus_client import Metric

BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
# A caller can make up models behind `provider_id/`, and an upstream codes of errors: beyond this many they are counted
# as `other`.
MAX_SERIES = 1000
LEFT = "caller_left"


class Series:
    """The answers of one model to one kind of call."""

    __slots__ = ("answers", "buckets", "completion_tokens", "prompt_tokens", "seconds")

    def __init__(self) -> None:
        self.answers = self.prompt_tokens = self.completion_tokens = 0
        self.seconds = 0.0
        self.buckets = [0] * (len(BUCKETS_S) + 1)

    def count_tokens(self, meta: ReplyMeta) -> None:
        """Add what the answer says it used, once it is complete."""
        self.prompt_tokens += meta.prompt_tokens
        self.completion_tokens += meta.completion_tokens


class Meter:
    """The numbers of one server process. room: where the requests are that it answers now."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._series: dict[tuple[str, str, str], Series] = {}
        self._errors: Counter[tuple[str, str, str, str]] = Counter()

    def answered(self, call: str, meta: ReplyMeta, seconds: float) -> Series:
        """Count an answer that begins `seconds` after its request."""
        key = (call, meta.provider_id, meta.upstream_model)
        series = self._series.get(key)
        if series is None:
            if len(self._series) >= MAX_SERIES:
                key = (call, meta.provider_id, "other")
            series = self._series.setdefault(key, Series())
        series.answers += 1
        series.seconds += seconds
        series.buckets[bisect_left(BUCKETS_S, seconds)] += 1
        return series

    def failed(self, call: str, error: StackError) -> None:
        """Count a request that ended in an error, before or within its answer."""
        phase = error.phase if isinstance(error, UpstreamError) else ""
        key = (call, error.provider_id, error.code, phase)
        if key not in self._errors and len(self._errors) >= MAX_SERIES:
            key = (call, error.provider_id, "other", phase)
        self._errors[key] += 1

    def left(self, call: str) -> None:
        """Count a caller who did not wait for the end."""
        self._errors[call, "", LEFT, ""] += 1

    def collect(self) -> Iterator[Metric]:
        """The numbers as Prometheus's client wants them of a collector."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

        labels = ("call", "provider", "model")
        answers = CounterMetricFamily("stack_answers", "Answers that began.", labels=labels)
        first_byte = HistogramMetricFamily("stack_first_byte_seconds", "Time to the first byte.", labels=labels)
        tokens = CounterMetricFamily("stack_tokens", "Tokens, as providers report them.", labels=(*labels, "kind"))
        for key, series in list(self._series.items()):
            answers.add_metric(key, series.answers)
            first_byte.add_metric(key, list(_cumulative(series.buckets)), series.seconds)
            tokens.add_metric((*key, "prompt"), series.prompt_tokens)
            tokens.add_metric((*key, "completion"), series.completion_tokens)
        errors = CounterMetricFamily(
            "stack_errors", "Requests that ended in an error.", labels=("call", "provider", "code", "phase")
        )
        for error, count in list(self._errors.items()):
            errors.add_metric(error, count)
        in_flight = GaugeMetricFamily("stack_in_flight", "Inference requests being answered.", value=self._room.taken)
        yield from (answers, errors, in_flight, first_byte, tokens)

    def text(self) -> bytes:
        """Prometheus's text format, with the figures of the process."""
        from prometheus_client import GC_COLLECTOR, PLATFORM_COLLECTOR, PROCESS_COLLECTOR, CollectorRegistry
        from prometheus_client.exposition import generate_latest

        registry = CollectorRegistry()
        for collector in (self, PROCESS_COLLECTOR, PLATFORM_COLLECTOR, GC_COLLECTOR):
            registry.register(collector)
        return generate_latest(registry)


class Uncounted(Meter):
    """Keeps nothing, where nobody wants metrics."""

    def answered(self, call: str, meta: ReplyMeta, seconds: float) -> Series:
        return _NOWHERE

    def failed(self, call: str, error: StackError) -> None:
        pass

    def left(self, call: str) -> None:
        pass


_NOWHERE = Series()


def _cumulative(buckets: list[int]) -> Iterator[tuple[str, int]]:
    total = 0
    for bound, count in zip((*map(str, BUCKETS_S), "+Inf"), buckets, strict=True):
        total += count
        yield bound, total
