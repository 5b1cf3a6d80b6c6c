"""The operations of a service: what generated clients call them, and what HTTP has every resource answer."""

import functools
import inspect
from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.routing import Match
from starlette.types import Lifespan


class ThreadedRoute(APIRoute):
    """A route whose function runs in a thread, since it waits for a store.

    FastAPI, given such a function, also goes to a thread to check what it returned. That takes microseconds, but the
    way there and back is a tenth of a request.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        in_thread = endpoint if inspect.iscoroutinefunction(endpoint) else _in_thread(endpoint)
        super().__init__(path, in_thread, **options)


def _in_thread(work: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(work)
    async def run(**arguments: Any) -> Any:
        return await run_in_threadpool(work, **arguments)

    return run


def operation_id(route: APIRoute) -> str:
    """The name of an operation in the OpenAPI document."""
    return route.name


def include(app: FastAPI, *routers: APIRouter) -> None:
    """Add the routes, and HEAD wherever there is GET; the server leaves the body out."""
    routes = [route for router in routers for route in router.routes if isinstance(route, APIRoute)]
    with_head = {route.path for route in routes if "HEAD" in (route.methods or ())}
    for router in routers:
        app.include_router(router)
    for route in routes:
        if "GET" in (route.methods or ()) and route.path not in with_head:
            app.add_api_route(
                route.path,
                route.endpoint,
                methods=["HEAD"],
                response_class=route.response_class,
                dependencies=route.dependencies,
                include_in_schema=False,
            )
    app.state.routes = routes


def methods_at(request: Request) -> Iterator[str]:
    """The methods that the path of a request has."""
    for route in getattr(request.app.state, "routes", ()):
        if route.matches(request.scope)[0] is not Match.NONE:
            yield from route.methods
            if "GET" in route.methods:
                yield "HEAD"


def described(title: str, description: str, lifespan: Lifespan[FastAPI] | None = None) -> FastAPI:
    """An application without routes.

    It has no /docs: Swagger's page would run scripts from elsewhere on the origin that hands out tokens or data.
    """
    return FastAPI(
        title=title,
        version=version("fanfold"),
        description=description,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=operation_id,
        lifespan=lifespan,
    )
