"""The routes that are asked seldom: models, providers, health, version, inspection. FastAPI lives here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from stack.apis.wire import JSON
from stack.errors import MethodNotAllowed, NotFound, StackError, Unauthorized, nearest, quoted, shortened
from stack.runtime import Runtime
from stack.server.answers import internal_error, json_of
from stack.server.files import file_endpoints
from stack.server.metrics import Meter
from stack.server.readiness import Readiness
from stack.server.requests import REQUEST_ID, Gate
from stack.server.safety import safety_endpoints
from stack.server.schemas import (
    HealthObject,
    ModelList,
    ModelObject,
    ProviderList,
    ProviderObject,
    RouteList,
    RouteObject,
    VersionObject,
)
from stack.server.vector_io import vector_io_endpoints
from stack.server.vector_stores import vector_store_endpoints
from stack.version import __version__

# Where Llama Stack had it. Its streams ended without `[DONE]`, which its client of that time cannot read.
LLAMA_STACK_PREFIX = "/v1/openai/v1"
PREFIXES = ("/v1", LLAMA_STACK_PREFIX)
ADMIN_PREFIX = "/v1alpha/admin"
PUBLIC = frozenset(
    f"{prefix}/{name}" for prefix in (*PREFIXES, ADMIN_PREFIX) for name in ("health", "health/ready", "version")
)


class Operations:
    """The endpoints of one runtime."""

    def __init__(self, runtime: Runtime, gate: Gate, meter: Meter, readiness: Readiness, app: FastAPI) -> None:
        self._runtime = runtime
        self._gate = gate
        self._meter = meter
        self._readiness = readiness
        self._app = app

    async def list_models(self) -> Response:
        """Every model that can be asked for."""
        models = await self._runtime.inference.list_models()
        return _json(ModelList(data=[ModelObject.of(model) for model in models]))

    async def retrieve_model(self, model_id: str) -> Response:
        """One model, by the id that requests use."""
        models = {model.model_id: model for model in await self._runtime.inference.list_models()}
        if model_id not in models:
            known = nearest(model_id, list(models)) or list(models)[:3]
            message = f"the model `{shortened(model_id)}` does not exist: did you mean {quoted(known)}?"
            raise NotFound(message, param="model", code="model_not_found")
        return _json(ModelObject.of(models[model_id]))

    async def health(self) -> Response:
        """Whether the server answers."""
        return _json(HealthObject(status="OK"))

    async def ready(self, request: Request) -> Response:
        """Whether requests should be sent here: not before the start is complete, and not while the server stops."""
        try:
            self._gate.authenticate(dict(request.scope["headers"]))
            knows_us = True
        except Unauthorized:
            knows_us = False
        return _json(self._readiness.told(in_full=knows_us))

    async def version(self) -> Response:
        """The version of this software."""
        return _json(VersionObject(version=__version__))

    async def list_providers(self) -> Response:
        """Every configured provider with its state."""
        return _json(ProviderList(data=[ProviderObject.of(instance) for instance in self._runtime.instances]))

    async def retrieve_provider(self, provider_id: str) -> Response:
        """One configured provider with its state."""
        found = {instance.provider_id: instance for instance in self._runtime.instances}
        if provider_id not in found:
            known = nearest(provider_id, list(found)) or list(found)
            raise NotFound(f"no provider has the id `{provider_id}`: there are {quoted(known)}", param="provider_id")
        return _json(ProviderObject.of(found[provider_id]))

    async def metrics(self) -> Response:
        """The server's numbers in Prometheus's text format."""
        # In a thread: the library is imported at the first call.
        return Response(await asyncio.to_thread(self._meter.text), media_type="text/plain; version=0.0.4")

    async def list_routes(self) -> Response:
        """Every route of the server."""
        types: dict[str, set[str]] = {}
        for instance in self._runtime.instances:
            types.setdefault(instance.api, set()).add(instance.spec.provider_type)
        rows = [
            RouteObject(route=route.path, method=method, provider_types=sorted(types.get(str(route.tags[0]), ())))
            for route in self._app.routes
            if isinstance(route, APIRoute)
            for method in sorted(route.methods or ())
        ]
        return _json(RouteList(data=rows))


async def documented() -> Response:
    """Stands for an inference route in the documentation; the server answers it before FastAPI sees it."""
    raise AssertionError("an inference route must not reach FastAPI")


def rest_app(runtime: Runtime, gate: Gate, meter: Meter, readiness: Readiness) -> FastAPI:
    """Every route of the server; the inference ones are only documentation here."""
    from stack.server.openapi import openapi_of

    app = FastAPI(title="stack", version=__version__, redoc_url=None, redirect_slashes=False)
    operations = Operations(runtime, gate, meter, readiness, app)
    endpoints = [
        *file_endpoints(runtime.files, gate),
        *vector_store_endpoints(runtime.vector_stores, gate),
        *vector_io_endpoints(runtime.vector_stores, gate),
        *safety_endpoints(runtime.safety_service, gate),
    ]

    def add(method: str, prefix: str, path: str, endpoint: Callable[..., Any], tag: str, shown: bool) -> None:
        app.add_api_route(
            prefix + path, endpoint, methods=[method], tags=[tag], include_in_schema=shown, response_model=None
        )

    for prefix in PREFIXES:
        shown = prefix == PREFIXES[0]
        for path in ("/chat/completions", "/completions", "/embeddings", "/rerank"):
            add("POST", prefix, path, documented, "inference", shown)
        add("GET", prefix, "/models", operations.list_models, "inference", shown)
        add("GET", prefix, "/models/{model_id:path}", operations.retrieve_model, "inference", shown)
        for endpoint in endpoints:
            add(endpoint.method, prefix, endpoint.path, endpoint.handler, endpoint.tag, shown)
    for prefix in (PREFIXES[0], ADMIN_PREFIX):
        shown = prefix == PREFIXES[0]
        add("GET", prefix, "/health", operations.health, "operation", shown)
        add("GET", prefix, "/health/ready", operations.ready, "operation", shown)
        add("GET", prefix, "/version", operations.version, "operation", shown)
        add("GET", prefix, "/providers", operations.list_providers, "operation", shown)
        add("GET", prefix, "/providers/{provider_id}", operations.retrieve_provider, "operation", shown)
        add("GET", prefix, "/inspect/routes", operations.list_routes, "operation", shown)
    if runtime.config.server.metrics:
        add("GET", "", "/metrics", operations.metrics, "operation", True)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _internal_error)
    app.openapi = lambda: openapi_of(app, endpoints)  # type: ignore[method-assign]  # FastAPI's documented way to replace it
    return app


def _json(value: BaseModel) -> Response:
    return Response(value.model_dump_json(exclude_none=True), media_type=JSON)


async def _stack_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, StackError)
    return Response(json_of(error, request.scope[REQUEST_ID]), error.status, error.headers(), JSON)


async def _internal_error(request: Request, _: Exception) -> Response:
    """A bug in this project; Starlette raises it again once this is sent, and it is logged there."""
    return await _stack_error(request, internal_error())


async def _http_error(request: Request, error: Exception) -> Response:
    """Starlette's own refusals, in our envelope."""
    assert isinstance(error, HTTPException)
    method, path = request.method, request.scope["path"]
    if error.status_code == 405:
        # Each method is a route of its own, and Starlette knows only the first that has the path.
        routes = [each for each in request.app.routes if isinstance(each, APIRoute) and each.path_regex.match(path)]
        allowed = sorted({known for each in routes for known in each.methods or ()})
        return await _stack_error(
            request, MethodNotAllowed(f"`{path}` does not answer {method}: use {', '.join(allowed)}", allowed)
        )
    message = f"there is no route `{method} {path}`: `GET /v1/inspect/routes` lists them"
    return await _stack_error(request, NotFound(message, code="route_not_found"))
