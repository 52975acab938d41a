"""Looking at a stack of one provider."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import pytest

from stack.config.load import parse_run_config
from stack.config.variables import entry_variables
from stack.doctor import Findings, examine

Examined = Callable[..., Awaitable[list[Findings]]]
ONE = """\
providers:
  inference:
  - provider_id: {id}
    provider_type: {type}
    module: {module}
    config: {config}
"""


@pytest.fixture
def pass_time(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """`pass_time(60)`: so many seconds have passed for whoever waits in the running loop."""

    def pass_time(seconds: float) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time
        monkeypatch.setattr(loop, "time", lambda: now() + seconds)

    return pass_time


@pytest.fixture
def examined() -> Examined:
    """`await examined(type=..., config="{...}")`: the findings, those of the machine left out; `more` goes below."""

    async def examined(
        type: str = "remote::openai-compatible",
        config: str = "{}",
        *,
        id: str = "mine",
        module: str = "null",
        more: str = "",
        environ: Mapping[str, str] | None = None,
        timeout_s: float = 60.0,
    ) -> list[Findings]:
        text = ONE.format(id=id, type=type, module=module, config=config) + more
        loaded = parse_run_config(text, "run.yaml", environ or {})
        entries = list(entry_variables(text, "run.yaml", environ or {}))
        return (await examine(loaded, entries, environ or {}, timeout_s=timeout_s))[1:]

    return examined
