"""`/metrics` tells what was asked, of whom, and how it ended."""

from __future__ import annotations

import time

from integration.wire import CHAT, PATIENCE_S, asking
from prometheus_client.parser import text_string_to_metric_families


def samples(wire):
    text = wire.get("/metrics").text
    return {
        (s.name, *sorted(s.labels.items())): s.value for f in text_string_to_metric_families(text) for s in f.samples
    }


def settled(wire):
    """The samples once nothing is in flight: others may have left answers just before."""
    give_up = time.monotonic() + PATIENCE_S
    while (found := samples(wire))[("stack_in_flight",)] and time.monotonic() < give_up:
        pass
    return found


def grown(before, after, name, **labels):
    key = (name, *sorted(labels.items()))
    return after[key] - before.get(key, 0)


def test_answers_streams_tokens_and_errors_are_counted(lab_http):
    wire = lab_http.wire
    before = settled(wire)
    wire.post(CHAT, json=asking("faulty/ok"))
    wire.post(CHAT, json=asking("faulty/ok", stream=True, stream_options={"include_usage": True}))
    wire.post(CHAT, json=asking("faulty/fault-500"))
    after = settled(wire)
    of_model = {"call": "chat/completions", "provider": "faulty", "model": "ok"}
    assert grown(before, after, "stack_answers_total", **of_model) == 2
    assert grown(before, after, "stack_first_byte_seconds_count", **of_model) == 2
    assert grown(before, after, "stack_tokens_total", **of_model, kind="completion") > 0
    failed = {"call": "chat/completions", "provider": "faulty", "code": "upstream_error", "phase": "status"}
    assert grown(before, after, "stack_errors_total", **failed) == 1
    assert after[("stack_in_flight",)] == 0
