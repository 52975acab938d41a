"""Routes: from the id that a caller says to the provider that answers it, by one dict lookup."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextvars import Context
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from stack.apis.models import Model, ModelType
from stack.errors import NotFound, StackError, nearest, shortened
from stack.routing.instance import Instance

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

    from stack.apis.inference import Inference

P = TypeVar("P", bound="Inference")

LISTING_INTERVAL_S = 60.0  # a provider is asked for its models at most this often
LISTING_WAIT_S = 2.0  # and nobody waits longer for it; it may finish later


@dataclass(frozen=True, slots=True)
class Target(Generic[P]):
    """Where one model id leads. model_type: None when nobody told."""

    instance: Instance[P]
    provider_model_id: str
    model_type: ModelType | None = None


class Routes(Generic[P]):
    """The models of all providers of one API.

    `resolve` tries, in this order: a registered or listed id, `provider_id/rest`, and an upstream's own id that a
    provider allows or lists (the first provider in run.yaml's order wins).
    """

    def __init__(
        self, instances: Sequence[Instance[P]], registered: Sequence[Model], log: FilteringBoundLogger
    ) -> None:
        self.instances = {instance.provider_id: instance for instance in instances}
        self._registered = {model.model_id: model for model in registered}
        self._log = log
        self._table: dict[str, Target[P]] = {}
        self._asked: dict[str, float] = {}
        self._asking: dict[str, asyncio.Task[None]] = {}
        self.rebuild()

    async def resolve(self, model_id: str) -> Target[P]:
        """The target of a model id; asks providers for their models if it is not known. Raises: NotFound."""
        target = self._known(model_id)
        if target is None:
            await self.refresh()
            target = self._known(model_id)
        if target is None:
            close = nearest(model_id, list(self._table))
            hint = f"did you mean {', '.join(f'`{name}`' for name in close)}?" if close else "see `GET /v1/models`"
            message = f"the model `{shortened(model_id)}` does not exist: {hint}"
            raise NotFound(message, param="model", code="model_not_found")
        return target

    def _known(self, model_id: str) -> Target[P] | None:
        if target := self._table.get(model_id):
            return target
        provider_id, slash, rest = model_id.partition("/")
        instance = self.instances.get(provider_id) if slash and rest else None
        if instance is None or (instance.allowed is not None and rest not in instance.allowed):
            return None
        return Target(instance, rest)

    def models(self) -> list[Model]:
        """Every model that can be named: registered ones, then what each provider lists, under unique ids."""
        found = dict(self._registered)
        for provider_id, instance in self.instances.items():
            for name, model in (instance.listed or {}).items():
                ours = {"model_id": f"{provider_id}/{name}", "provider_id": provider_id}
                found.setdefault(ours["model_id"], model.model_copy(update=ours))
        return list(found.values())

    def rebuild(self) -> None:
        """Make the table anew from what is registered, listed and allowed; readers see the old or the new one."""
        table: dict[str, Target[P]] = {}
        for model in self.models():
            instance = self.instances[model.provider_id]
            table[model.model_id] = Target(instance, model.provider_model_id, model.model_type)
        for instance in self.instances.values():
            for name, model_type in self._own_ids(instance).items():
                # `provider_id/rest` wins over an upstream's own id that only looks like it.
                if "/" not in name or name.partition("/")[0] not in self.instances:
                    table.setdefault(name, Target(instance, name, model_type))
        self._table = table

    @staticmethod
    def _own_ids(instance: Instance[P]) -> dict[str, ModelType | None]:
        allowed: dict[str, ModelType | None] = dict.fromkeys(sorted(instance.allowed or ()))
        return allowed | {name: model.model_type for name, model in (instance.listed or {}).items()}

    async def refresh(self) -> None:
        """Ask every provider that was not asked lately for its models; wait a little for the answers."""
        now = asyncio.get_running_loop().time()
        for provider_id, instance in self.instances.items():
            lately = now - self._asked.get(provider_id, -LISTING_INTERVAL_S) < LISTING_INTERVAL_S
            if instance.provider is None or lately or provider_id in self._asking:
                continue
            self._asked[provider_id] = now
            # The list is for everybody: neither the key nor the deadline of the caller who happens to need it counts.
            listing = self._list(instance, instance.provider)
            self._asking[provider_id] = asyncio.create_task(listing, context=Context())
        if self._asking:
            await asyncio.wait(self._asking.values(), timeout=LISTING_WAIT_S)

    async def _list(self, instance: Instance[P], provider: P) -> None:
        try:
            instance.set_listed(await provider.list_models())
            self.rebuild()
        except StackError as error:
            instance.failed_to_list(error)
            self._log.info("models not listed", provider=instance.provider_id, reason=error.message)
        except Exception as error:
            instance.status, instance.reason = "degraded", f"`list_models` failed with {type(error).__name__}"
            self._log.warning("models not listed", provider=instance.provider_id, exc_info=True)
        finally:
            del self._asking[instance.provider_id]

    async def stop(self) -> None:
        """End the questions that are still open."""
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
