"""Which route answers a request: one lookup where its path has no parameters, a few expressions where it has."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute


class RouteTable:
    """The routes of a FastAPI app, asked without the layers that FastAPI puts around each of them."""

    def __init__(self, routes: Iterable[BaseRoute]) -> None:
        self._fixed: dict[tuple[str, str], APIRoute] = {}
        self._others: dict[str, list[APIRoute]] = {}
        for route in routes:
            if not isinstance(route, APIRoute):
                continue
            for method in route.methods or ():
                if route.param_convertors:
                    self._others.setdefault(method, []).append(route)
                else:
                    self._fixed[method, route.path] = route

    def answer(self, request: Request) -> Awaitable[Response] | None:
        """The answer of the route that has the request's method and path; None if there is none."""
        method, path = request.scope["method"], request.scope["path"]
        if (fixed := self._fixed.get((method, path))) is not None:
            return _asked(fixed, request, {})
        for route in self._others.get(method, ()):
            if found := route.path_regex.match(path):
                return _asked(route, request, found.groupdict())
        return None


def _asked(route: APIRoute, request: Request, arguments: dict[str, object]) -> Awaitable[Response]:
    if (name := route.dependant.request_param_name) is not None:
        arguments[name] = request
    answer: Awaitable[Response] = route.endpoint(**arguments)
    return answer
