"""A route of the REST part, with what the documentation needs; and how its query and body are read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from fastapi import Request, Response
from pydantic import BaseModel, ValidationError

from stack.apis.validation import invalid_request
from stack.apis.wire import JSON
from stack.errors import InvalidRequest
from stack.server.json_places import unreadable
from stack.server.long_bodies import LongList, parsed
from stack.server.requests import Gate

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What answers one method and path (below `/v1`).

    query, request, answer: the shapes of the query string, of the JSON body and of the answer; content: the media type
    of an answer that is no JSON; form: of a body that is no JSON, its field names with their JSON schemas.
    errors: the statuses that the route itself answers with, besides those that any route does.
    """

    method: str
    path: str
    handler: Callable[..., Awaitable[Response]]
    tag: str
    query: type[BaseModel] | None = None
    request: type[BaseModel] | None = None
    answer: type[BaseModel] | None = None
    content: str | None = None
    form: Mapping[str, dict[str, Any]] | None = None
    errors: tuple[str, ...] = ()


def json_response(value: BaseModel, status: int = 200) -> Response:
    """An answer as clients of OpenAI read it: fields that are None are told, since their clients may need them."""
    return Response(value.model_dump_json(), status, media_type=JSON)


def read_query(request: Request, model: type[M]) -> M:
    """The query string by its shape; a key that is repeated, or ends in `[]`, is a list. Raises: InvalidRequest."""
    values: dict[str, Any] = {}
    for key, value in request.query_params.multi_items():
        name = key.removesuffix("[]")
        known = model.model_fields.get(name)
        if known is None:
            raise InvalidRequest(f"`{name[:64]}` is no parameter of this route", param=name[:64])
        values[name] = [*values.get(name, []), value] if key != name else value
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise invalid_request(error) from None


async def read_body(gate: Gate, request: Request, model: type[M], long: LongList | None = None) -> M:
    """The JSON body by its shape; `long`: what may make it megabytes. Raises: RequestError."""
    body = await gate.json_body(dict(request.scope["headers"]), request.receive)
    try:
        return await parsed(body, model, long)
    except ValidationError as error:
        raise unreadable(error, body) from None
