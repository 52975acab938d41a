"""From run.yaml of Llama Stack 0.2 and config.yaml of OGX to a run.yaml of ours, with a remark on all that changes."""

from __future__ import annotations

from stack.upgrade.upgrading import Upgraded, upgraded

__all__ = ["Upgraded", "upgraded"]
