"""`/openapi.json`: FastAPI's list of routes, with the schemas that the routes really take and give."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from stack.apis.inference import (
    ChatCompletion,
    ChatCompletionChunk,
    ChatCompletionRequest,
    Completion,
    CompletionRequest,
    EmbeddingsRequest,
    EmbeddingsResponse,
    Inference,
    RerankRequest,
    RerankResponse,
)
from stack.server import schemas
from stack.server.endpoint import Endpoint

_REF = "#/components/schemas/"
_REQUESTS: dict[str, type[BaseModel]] = {
    "/v1/chat/completions": ChatCompletionRequest,
    "/v1/completions": CompletionRequest,
    "/v1/embeddings": EmbeddingsRequest,
    "/v1/rerank": RerankRequest,
}
_CALLS = {
    "/v1/chat/completions": ("Create chat completion", Inference.openai_chat_completion),
    "/v1/completions": ("Create completion", Inference.openai_completion),
    "/v1/embeddings": ("Create embeddings", Inference.openai_embeddings),
    "/v1/rerank": ("Rerank documents", Inference.rerank),
}
_STREAMS: dict[str, type[BaseModel]] = {
    "/v1/chat/completions": ChatCompletionChunk,
    "/v1/completions": Completion,
}
_ANSWERS: dict[str, type[BaseModel]] = {
    "/v1/chat/completions": ChatCompletion,
    "/v1/completions": Completion,
    "/v1/embeddings": EmbeddingsResponse,
    "/v1/rerank": RerankResponse,
    "/v1/models": schemas.ModelList,
    "/v1/models/{model_id}": schemas.ModelObject,
    "/v1/health": schemas.HealthObject,
    "/v1/health/ready": schemas.ReadinessObject,
    "/v1/version": schemas.VersionObject,
    "/v1/providers": schemas.ProviderList,
    "/v1/providers/{provider_id}": schemas.ProviderObject,
    "/v1/inspect/routes": schemas.RouteList,
}
_ANY_ROUTE = ("400", "403", "408", "431")  # what is refused below the app: framing, `host`, time, headers
_ERRORS = {
    "/v1/models/{model_id}": ("401", "404"),
    "/v1/providers/{provider_id}": ("401", "404"),
    "/v1/health": (),
    "/v1/health/ready": ("503",),
    "/v1/version": (),
}
_INFERENCE_ERRORS = ("401", "404", "413", "415", "422", "429", "502", "503", "504")


def openapi_of(app: FastAPI, endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """The document, made at the first call."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, routes=app.routes)
        known = {(_shown(endpoint.path), endpoint.method.lower()): endpoint for endpoint in endpoints}
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                if endpoint := known.get((path, method)):
                    _describe_endpoint(endpoint, operation)
                else:
                    _describe(path, operation)
        document["components"] = {
            "schemas": _schemas(endpoints),
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        }
        app.openapi_schema = document
    return app.openapi_schema


def _shown(path: str) -> str:
    """A path as the document has it: without the kind of its parameters."""
    return f"/v1{path}".replace(":path}", "}")


def _describe(path: str, operation: dict[str, Any]) -> None:
    if request := _REQUESTS.get(path):
        operation["summary"], call = _CALLS[path]
        operation["description"] = inspect.getdoc(call)
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": _ref(request)}}}
    told = "The answer."
    content: dict[str, Any] = {"text/plain": {"schema": {"type": "string"}}}
    if answer := _ANSWERS.get(path):
        content = {"application/json": {"schema": _ref(answer)}}
    if stream := _STREAMS.get(path):
        # OpenAPI 3.1 has no word for the events of a stream: readers differ in what a schema here would be of.
        content["text/event-stream"] = {}
        told = f"The answer; with `stream`, events whose data is a {stream.__name__}, then one of `[DONE]`."
    statuses = _INFERENCE_ERRORS if path in _REQUESTS else _ERRORS.get(path, ("401",))
    error = {"application/json": {"schema": _ref(schemas.ErrorEnvelope)}}
    operation["responses"] = {"200": {"description": told, "content": content}} | {
        status: {"description": "OpenAI's error envelope.", "content": error}
        for status in sorted((*_ANY_ROUTE, *statuses))
    }
    if statuses:
        operation["security"] = [{"bearer": []}, {}]


def _describe_endpoint(endpoint: Endpoint, operation: dict[str, Any]) -> None:
    """What FastAPI cannot see: its handlers take the request as it is."""
    if endpoint.query is not None:
        operation.setdefault("parameters", []).extend(_parameters(endpoint.query))
    if endpoint.request is not None:
        content = {"application/json": {"schema": _ref(endpoint.request)}}
        required = any(info.is_required() for info in endpoint.request.model_fields.values())
        operation["requestBody"] = {"required": required, "content": content}
    if endpoint.form is not None:
        schema = {"type": "object", "properties": dict(endpoint.form), "required": ["file", "purpose"]}
        operation["requestBody"] = {"required": True, "content": {"multipart/form-data": {"schema": schema}}}
    answers: dict[str, Any] = {endpoint.content: {}} if endpoint.content else {}
    if endpoint.answer is not None:
        answers = {"application/json": {"schema": _ref(endpoint.answer)}}
    error = {"application/json": {"schema": _ref(schemas.ErrorEnvelope)}}
    statuses = sorted({*_ANY_ROUTE, "401", "503", "507", *endpoint.errors})
    operation["responses"] = {"200": {"description": "The answer.", "content": answers}} | {
        status: {"description": "OpenAI's error envelope.", "content": error} for status in statuses
    }
    operation["security"] = [{"bearer": []}, {}]


def _parameters(query: type[BaseModel]) -> list[dict[str, Any]]:
    document = query.model_json_schema(ref_template=_REF + "{model}")
    required = document.get("required", ())
    return [
        {"name": name, "in": "query", "required": name in required, "schema": schema}
        for name, schema in document["properties"].items()
    ]


def _ref(model: type[BaseModel]) -> dict[str, Any]:
    return {"$ref": _REF + model.__name__}


def _schemas(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    models: set[type[BaseModel]] = {*_REQUESTS.values(), *_STREAMS.values(), *_ANSWERS.values(), schemas.ErrorEnvelope}
    models |= {model for endpoint in endpoints for model in (endpoint.request, endpoint.answer) if model is not None}
    ordered = sorted(models, key=lambda model: model.__name__)
    _, document = models_json_schema([(model, "validation") for model in ordered], ref_template=_REF + "{model}")
    definitions: dict[str, Any] = document["$defs"]
    return definitions
