"""Routes that answer refusals in a way of their own, instead of as problems."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response

from fanfold_web.http.operations import ThreadedRoute
from fanfold_web.refusals import Refusal


class AnsweringRoute(ThreadedRoute, ABC):
    """A route that answers refusals itself."""

    @staticmethod
    @abstractmethod
    def answer(request: Request, refusal: Refusal) -> Response:
        """The response that tells of a refusal."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The route's handler, with its refusals answered."""
        handle = super().get_route_handler()

        async def handle_and_answer(request: Request) -> Response:
            try:
                return await handle(request)
            except Refusal as refusal:
                return self.answer(request, refusal)

        return handle_and_answer
