"""Every provider of a run.yaml looked at, all at once: loaded, reached, started, asked for its models, stopped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any, TypeVar

import structlog

from stack.apis.context import RequestContext, request_context
from stack.apis.inference import Inference
from stack.apis.models import ModelAvailability
from stack.config.models import ProviderInstance, RunConfig, secret_values
from stack.config.variables import EntryVariables
from stack.doctor.advice import ADDRESS, Advice, failure, lists_nothing
from stack.doctor.findings import Check, Findings
from stack.doctor.machine import machine_findings
from stack.doctor.network import network_checks
from stack.errors import ConfigError, StackError, Unsupported, nearest
from stack.logs import Redactor
from stack.registry.contract import load_provider_class
from stack.registry.spec import Deps
from stack.routing.inference import InferenceRouter
from stack.routing.safety import SafetyRouter
from stack.routing.vector_io import VectorIORouter
from stack.runtime import start_provider
from stack.storage import Storage

TIMEOUT_S = 5.0
START_TIMEOUT_S = 120.0  # a local model may have to be read from disk
GRACE_S = 1.0
MAX_ASKED = 3  # registered models that are asked for by name

T = TypeVar("T")
log = structlog.get_logger("stack")


async def examine(
    config: RunConfig,
    entries: Sequence[EntryVariables],
    environ: Mapping[str, str],
    *,
    timeout_s: float = TIMEOUT_S,
    done: Callable[[Findings], None] = lambda findings: None,
) -> list[Findings]:
    """Look at the machine and at every provider that is on; those that are off are told as such.

    entries: of the file that `config` was read from, `environ` what both were read with. timeout_s: for each step on
    the network. done: told of each provider as soon as it is finished. No secret is in what is returned.
    """
    on = {(entry.api, entry.provider_id): entry for entry in entries if entry.provider_id}
    instances = [instance for listed in config.providers.values() for instance in listed]
    storage = Storage(config.state_dir, durability=config.storage.durability)
    examinations = [_Examination(i, on[i.api, i.provider_id], config, environ, timeout_s, storage) for i in instances]
    # Imports block: were they made on the way, other providers would seem to be late.
    packages = [examination.package() for examination in examinations]

    async def one(examination: _Examination, package: Check) -> Findings:
        findings = await examination.findings(package)
        done(findings)
        return findings

    try:
        found = await asyncio.gather(*map(one, examinations, packages))
    finally:
        await storage.close()
    return [machine_findings(config.server), *found, *(_off(entry) for entry in entries if not entry.provider_id)]


def _off(entry: EntryVariables) -> Findings:
    switch = f"set {', '.join(entry.switches)}" if entry.switches else ""
    return Findings(entry.provider_type, (Check("", "off", switch),), entry.api, entry.provider_type)


class _Examination:
    """One provider that is on."""

    def __init__(
        self,
        instance: ProviderInstance,
        variables: EntryVariables,
        config: RunConfig,
        environ: Mapping[str, str],
        timeout_s: float,
        storage: Storage,
    ) -> None:
        self._instance = instance
        self._storage = storage
        self._environ = environ
        self._timeout_s = timeout_s
        self._advice = Advice(instance, variables, timeout_s)
        self._redact = Redactor(secret_values(config)).redact
        mine = [entry for entry in config.models if entry.provider_id == instance.provider_id]
        self._registered = [entry.provider_model_id for entry in mine] if instance.api == "inference" else []

    def package(self) -> Check:
        """Whether its module and class load; imports them."""
        try:
            if self._instance.error is not None:
                raise self._instance.error
            load_provider_class(self._instance.spec)
        except ConfigError as error:
            return failure("package", error)
        return Check("package", "ok")

    async def findings(self, package: Check) -> Findings:
        """Its checks, up to the first that fails."""
        checks: list[Check] = []
        async with aclosing(self._checks(package)) as found:
            async for check in found:
                checks.append(replace(check, found=self._plain(check.found), fix=self._plain(check.fix)))
                if check.status == "failed":
                    break
        spec = self._instance.spec
        return Findings(self._instance.provider_id, tuple(checks), self._instance.api, spec.provider_type)

    def _plain(self, text: str) -> str:
        """Text of anybody in one line: without secrets, and without what a terminal would obey."""
        line = " ".join(str(self._redact(text)).split())
        return line if line.isprintable() else ascii(line)[1:-1]

    async def _checks(self, package: Check) -> AsyncGenerator[Check, None]:
        yield package
        yield self._advice.variables(self._environ)
        async for check in self._way():
            yield check
        instance = self._instance
        deps = Deps(
            provider_id=instance.provider_id,
            inference=InferenceRouter((), (), log),
            safety=SafetyRouter(()),
            vector_io=VectorIORouter(()),
            storage=self._storage,
            log=log.bind(provider=instance.provider_id),
        )
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                provider = await start_provider(instance.spec, instance.config, deps)
        except Exception as error:  # anybody's code: the other providers are still to be looked at
            yield failure("start", error)
            return
        try:
            yield Check("start", "ok")
            if instance.api == "inference":
                async for check in self._models(provider):
                    yield check
        finally:
            await self._stop(provider)

    async def _way(self) -> AsyncIterator[Check]:
        try:
            service = self._advice.service()
        except ValueError:
            change = self._advice.change(ADDRESS)
            yield Check("dns", "failed", "`base_url` is not a URL such as `https://host/v1`", change)
            return
        if service is not None:
            async for check in network_checks(service, self._timeout_s):
                yield check

    async def _models(self, provider: Inference) -> AsyncIterator[Check]:
        try:
            listed = [model.provider_model_id for model in await self._within(provider.list_models())]
        except Exception as error:  # as above
            yield self._advice.failed_to_list(error)
            if not lists_nothing(error):
                return
            listed = []
        else:
            if self._instance.spec.kind == "remote":
                yield self._advice.credential()
            if listed:
                yield Check("models", "ok", f"{len(listed)} listed")
            else:
                yield Check("models", "warning", "none is listed", "load a model there, or look at `allowed_models`")
        unlisted = [name for name in self._registered if name not in listed]
        for name in unlisted[:MAX_ASKED] or listed[:1]:
            yield await self._model(provider, name, listed)

    async def _model(self, provider: Inference, name: str, listed: list[str]) -> Check:
        try:
            found = await self._within(provider.check_model_availability(name))
        except Unsupported:
            found = ModelAvailability("available" if name in listed else "unknown", "it cannot be asked for by name")
        except Exception as error:  # as above
            found = ModelAvailability("unknown", error.message if isinstance(error, StackError) else repr(error))
        if found:
            return Check("model", "ok", f"`{name}` is available")
        near = " or ".join(f"`{other}`" for other in nearest(name, listed))
        fix = f"`provider_model_id`: did you mean {near}?" if near and found.status == "absent" else ""
        return Check("model", "warning", f"`{name}`: {found.reason}", fix)

    async def _within(self, answer: Awaitable[T]) -> T:
        # The upstream client keeps the deadline and tells where it stood; the timeout is for those who know of none.
        until = asyncio.get_running_loop().time() + self._timeout_s
        request_context.set(RequestContext(deadline=until))
        async with asyncio.timeout_at(until + GRACE_S):
            return await answer

    async def _stop(self, provider: Any) -> None:
        shutdown = getattr(provider, "shutdown", None)
        if shutdown is None:
            return
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                await shutdown()
        except Exception:
            log.warning("provider did not stop cleanly", provider=self._instance.provider_id, exc_info=True)
