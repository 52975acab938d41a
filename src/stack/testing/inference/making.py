"""Making a provider to be examined: from its type and settings, in front of a service that we play, or of its own."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import astuple
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from stack.apis.inference import Inference
from stack.config.load import parse_run_config
from stack.config.models import ProviderInstance, secret_values
from stack.errors import ConfigError, StackError
from stack.logs import Redactor
from stack.providers.remote.openai_mixin import OpenAIMixin
from stack.providers.remote.upstream import between
from stack.registry.discovery import load_config_class
from stack.registry.spec import ConfigModel, ProviderSpec
from stack.runtime import start_provider
from stack.storage import Storage
from stack.testing.deps import provider_deps
from stack.testing.inference.service import CHAT, EMBEDDING, RERANK, PlayedService
from stack.testing.inference.subject import Detour, Models, Subject
from stack.testing.play import replaying

KEY = "played-key-0123456789abcdef"
NOWHERE = "http://replayed.invalid/v1"  # never asked
NO_MODELS = Models()
PLAYED = Models(CHAT, EMBEDDING, RERANK, CHAT)


def configured(
    spec: ProviderSpec, settings: Mapping[str, Any], environ: Mapping[str, str], module: str | None = None
) -> tuple[ProviderInstance, frozenset[str]]:
    """A provider's settings, read as from run.yaml, and every secret in them. Raises: ConfigError."""
    entry = {"provider_id": spec.name, "provider_type": spec.provider_type, "config": dict(settings)}
    entry |= {"module": module} if module else {}
    text = yaml.safe_dump({"version": 2, "providers": {spec.api: [entry]}})
    loaded = parse_run_config(text, f"settings of {spec.provider_type}", environ)
    (instance,) = loaded.providers[spec.api]
    if instance.error is not None:
        raise instance.error
    return instance, secret_values(loaded)


def sample(spec: ProviderSpec) -> dict[str, Any]:
    """What run.yaml shows of a provider's settings: placeholders of its variables."""
    config = load_config_class(spec)
    return config.sample_run_config() if issubclass(config, ConfigModel) else {}


def made_up(spec: ProviderSpec, address: str) -> dict[str, Any]:
    """Settings that a provider can start with where we play its service: a key of ours, and what it demands."""
    fields = load_config_class(spec).model_fields
    return {name: value for name, field in fields.items() if (value := _made_up(name, field, address)) is not None}


def _made_up(name: str, field: FieldInfo, address: str) -> Any:
    kinds = (field.annotation, *getattr(field.annotation, "__args__", ()))
    if SecretStr in kinds and (name == "api_key" or field.is_required()):
        return KEY
    if str in kinds and name.endswith("url"):
        return address
    return "played" if field.is_required() else None


@asynccontextmanager
async def provider_of(instance: ProviderInstance) -> AsyncIterator[Any]:
    """A provider as the runtime makes it, with a folder of its own, shut down at the end. Raises: StackError."""
    with tempfile.TemporaryDirectory(prefix="stack-check-") as folder:
        storage = Storage(Path(folder))
        deps = provider_deps(instance.provider_id, storage=storage)
        try:
            provider = await start_provider(instance.spec, instance.config, deps)
            try:
                yield provider
            finally:
                if (shutdown := getattr(provider, "shutdown", None)) is not None:
                    await shutdown()
        finally:
            await storage.close()


@asynccontextmanager
async def played(
    spec: ProviderSpec,
    settings: Mapping[str, Any] | None = None,
    module: str | None = None,
    models: Models = NO_MODELS,
) -> AsyncIterator[Subject]:
    """A provider in front of a service that we play; an inline one as it is. settings: beside those made up.

    models: of an inline one; the service that we play has its own.
    """
    async with PlayedService() as service:
        chosen = made_up(spec, service.base_url) | dict(settings or {})
        instance, secrets = configured(spec, chosen, {}, module)
        async with _led(instance, secrets, service) as subject:
            if spec.kind == "remote":
                subject.service, subject.models = service, PLAYED
            else:
                subject.models = await models_of(subject.provider, models)
            yield subject


@asynccontextmanager
async def live(
    spec: ProviderSpec,
    settings: Mapping[str, Any] | None = None,
    module: str | None = None,
    environ: Mapping[str, str] = os.environ,
    models: Models = NO_MODELS,
) -> AsyncIterator[Subject]:
    """A provider in front of its service, which its variables lead to; only failures are played."""
    chosen = sample(spec) | dict(settings or {})
    async with _before_its_service(*configured(spec, chosen, environ, module), models) as subject:
        yield subject


@asynccontextmanager
async def replayed(
    spec: ProviderSpec,
    folder: Path,
    settings: Mapping[str, Any] | None = None,
    module: str | None = None,
    models: Models = NO_MODELS,
) -> AsyncIterator[Subject]:
    """A provider that gets what was recorded in front of its service. Raises OSError, ValueError."""
    chosen = made_up(spec, NOWHERE) | dict(settings or {})
    with replaying(folder):
        async with _before_its_service(*configured(spec, chosen, {}, module), models) as subject:
            yield subject


@asynccontextmanager
async def _before_its_service(
    instance: ProviderInstance, secrets: frozenset[str], models: Models
) -> AsyncIterator[Subject]:
    async with PlayedService() as service, _led(instance, secrets, service) as subject:
        subject.service = service if subject.detour else None
        subject.models = await models_of(subject.provider, models)
        yield subject


@asynccontextmanager
async def _led(instance: ProviderInstance, secrets: frozenset[str], service: PlayedService) -> AsyncIterator[Subject]:
    """A provider with a detour, by which what it sends can be led to the service that we play."""
    detour = Detour()
    with ExitStack() as steps:
        steps.enter_context(between(detour.step))
        async with provider_of(instance) as provider:
            steps.close()
            subject = Subject(provider, NO_MODELS, provider_id=instance.provider_id)
            subject.redactor, subject.key = Redactor({*secrets, KEY}), _key(instance.config)
            if isinstance(provider, OpenAIMixin):
                subject.detour = detour
                service.models_at, service.model_id_at = provider.models_at, provider.model_id_at
            yield subject


def _key(config: object) -> str:
    key = dict(config).get("api_key") if isinstance(config, BaseModel) else None
    return key.get_secret_value() if isinstance(key, SecretStr) else ""


async def models_of(provider: Inference, named: Models) -> Models:
    """Those that are named, and the first that is listed of each other kind. Raises: ConfigError if there is none."""
    try:
        first = await listed_models(provider)
    except ConfigError:
        if named == NO_MODELS:
            raise
        return named
    return Models(*(said or listed for said, listed in zip(astuple(named), astuple(first), strict=True)))


async def listed_models(provider: Inference) -> Models:
    """The first model of each kind that a provider lists. Raises: ConfigError if it lists none."""
    try:
        found = await provider.list_models()
    except StackError as error:
        raise ConfigError(f"the models cannot be listed, so name one with `--model`: {error.message}") from error
    first: dict[str, str] = {}
    for model in found:
        first.setdefault(model.model_type or "llm", model.provider_model_id)
    if not first:
        raise ConfigError("no model is listed: name one with `--model`")
    return Models(first.get("llm"), first.get("embedding"), first.get("rerank"), first.get("llm"))
