"""The runtime: from a loaded run.yaml to running providers behind routers, and back down again."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any, Self

import structlog

from stack.apis.inference import Inference, Model
from stack.apis.safety import Safety
from stack.apis.shields import Shield
from stack.apis.vector_io import VectorIO
from stack.config.models import secret_values
from stack.errors import ProvidersFailed, SchemaTooNew, StackError
from stack.logs import Redactor
from stack.registry.contract import check_methods, load_provider_class
from stack.registry.spec import Deps, ProviderSpec
from stack.routing.inference import InferenceRouter
from stack.routing.instance import Instance
from stack.routing.safety import SafetyRouter
from stack.routing.shields.trail import Trail
from stack.routing.vector_io import VectorIORouter
from stack.services.files import FilesService
from stack.services.guarding import guards_of
from stack.services.safety import SafetyService
from stack.services.shields import ShieldsService
from stack.services.vector_stores import VectorStores
from stack.storage import Storage

if TYPE_CHECKING:
    from pydantic import BaseModel
    from structlog.typing import FilteringBoundLogger

    from stack.config.models import ProviderInstance, RunConfig

log = structlog.get_logger("stack")


class Runtime:
    """A stack. Start it once and stop it once, or use `async with`."""

    def __init__(self, config: RunConfig) -> None:
        self.config = config
        self.instances = [_instance(entry) for entries in config.providers.values() for entry in entries]
        registered = [
            Model(
                model_id=entry.model_id,
                provider_id=entry.provider_id,
                provider_model_id=entry.provider_model_id or entry.model_id,
                model_type=entry.model_type,
                owned_by=entry.provider_id,
                metadata=entry.metadata,
            )
            for entry in config.models
        ]
        # Routers exist before any provider, so that each can be handed all of them.
        shields = [
            Shield(entry.shield_id, entry.provider_id, entry.provider_shield_id, entry.params)
            for entry in config.shields
        ]
        safety = SafetyRouter(self._of("safety"), shields)
        trail = Trail(log, config.safety.verdicts_kept)
        self.safety: Safety = safety
        self.inference: Inference = InferenceRouter(
            self._of("inference"), registered, log, guards_of(config.models, safety, trail, log)
        )
        vector_io = VectorIORouter(self._of("vector_io"))
        self.vector_io: VectorIO = vector_io
        self.storage = Storage(config.state_dir, durability=config.storage.durability)
        self.shields = ShieldsService(shields, safety, self.storage, log)
        self.safety_service = SafetyService(safety, self.shields, trail, config.safety.default_shield_id, log)
        self.files = FilesService(self._of("files"), self.storage, log)
        self.vector_stores = VectorStores(
            config.vector_stores, vector_io, self.inference, self.files, self.storage, log
        )
        self.refusal: SchemaTooNew | None = None  # why nothing may be served
        self._redact = Redactor(secret_values(config)).redact  # reasons are shown to callers
        self._tasks: set[asyncio.Task[Any]] = set()

    def _of(self, api: str) -> list[Instance[Any]]:
        return [instance for instance in self.instances if instance.api == api]

    async def start(self, *, strict: bool = False) -> None:
        """Load and initialise every provider; one that fails is marked so and the rest serves.

        strict: a provider that fails raises ProvidersFailed instead. Raises: SchemaTooNew if a newer version wrote what
        a provider or a service keeps.
        """
        await asyncio.gather(*(self._start(instance) for instance in self.instances))
        failed = [f"provider `{i.provider_id}`: {i.reason}" for i in self.instances if i.status == "failed"]
        if strict and failed:
            await self.stop()
            raise ProvidersFailed("\n".join(failed))
        shield_problems = await self._start_services()
        if strict and shield_problems:
            await self.stop()
            raise ProvidersFailed("\n".join(shield_problems))
        task = asyncio.create_task(self.inference.list_models())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _start_services(self) -> list[str]:
        """Why shields cannot be used."""
        problems: list[str] = []
        try:
            if self.refusal is None:
                problems = await self.shields.start()
                await self.files.start()
                await self.vector_stores.start()
        except SchemaTooNew as error:
            self.refusal = error
        if self.refusal is not None:
            await self.stop()
            raise self.refusal
        return problems

    async def _start(self, instance: Instance[Any]) -> None:
        if instance.status == "failed":
            log.error("provider failed", provider=instance.provider_id, reason=instance.reason)
            return
        bound = log.bind(provider=instance.provider_id)
        limit_s = self.config.server.provider_start_timeout_s
        limit = asyncio.timeout(limit_s)
        try:
            deps = Deps(
                provider_id=instance.provider_id,
                inference=self.inference,
                safety=self.safety,
                vector_io=self.vector_io,
                storage=self.storage,
                log=bound,
            )
            async with limit:
                instance.provider = await start_provider(instance.spec, instance.config, deps)
        except SchemaTooNew as error:
            self.refusal = error
            instance.fail(self._redact(error.message))
        except StackError as error:
            instance.fail(self._redact(error.message))
            bound.error("provider failed", reason=instance.reason)
        except (Exception, SystemExit) as error:  # a provider's own code must not end the others
            if limit.expired():
                instance.fail(f"it did not start within {limit_s:g} seconds")
                bound.error("provider failed", reason=instance.reason)
            else:
                instance.fail(self._redact(f"{type(error).__name__} while it started: {error}"))
                bound.error("provider failed", exc_info=True)

    async def stop(self) -> None:
        """Stop every provider that was started; a failing one does not keep the others up."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.vector_stores.stop()
        await self.files.stop()
        assert isinstance(self.inference, InferenceRouter)
        await self.inference.routes.stop()
        for instance in self.instances:
            provider, instance.provider = instance.provider, None
            if provider is not None:
                await _shut_down(provider, log.bind(provider=instance.provider_id))
        await self.storage.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()


async def start_provider(spec: ProviderSpec, config: BaseModel | None, deps: Deps) -> Any:
    """A provider, made, checked and initialised. Raises: StackError, and whatever the provider's own code does."""
    made = load_provider_class(spec)(config, deps)
    provider = await made if inspect.isawaitable(made) else made
    check_methods(provider, spec)
    initialize = getattr(provider, "initialize", None)
    try:
        if initialize is not None:
            await initialize()
    except BaseException:
        await _shut_down(provider, deps.log)
        raise
    return provider


async def _shut_down(provider: Any, bound: FilteringBoundLogger) -> None:
    shutdown = getattr(provider, "shutdown", None)
    try:
        if shutdown is not None:
            await shutdown()
    except Exception:
        bound.warning("provider did not stop cleanly", exc_info=True)


def _instance(entry: ProviderInstance) -> Instance[Any]:
    allowed = getattr(entry.config, "allowed_models", None)
    instance: Instance[Any] = Instance(
        api=entry.api,
        provider_id=entry.provider_id,
        spec=entry.spec,
        config=entry.config,
        allowed=None if allowed is None else frozenset(allowed),
    )
    if entry.error is not None:
        instance.fail(entry.error.message)
    return instance
