"""Storing and removing a user's file, counted in the account of its area."""

from collections.abc import Iterable

from fastapi import Request

from fanfold_storage.errors import NotFound
from fanfold_submit.principal import Principal
from fanfold_submit.service import Service
from fanfold_submit.storing.accounts import account_of


class Storing:
    """What happens to one file, and what that means for its owner's account."""

    def __init__(self, service: Service, user: Principal, key: str) -> None:
        self._service, self._user, self._key = service, user, key
        self._owner = account_of(key)
        self._reserved = 0

    def demand_room(self, size: int) -> None:
        """Raise OverQuota if a file of this size would exceed a limit; the one that it replaces is gone then."""
        if (more := size - self._size()) > 0:
            self._service.stored.demand_room(self._user, more=more, owner=self._owner)

    def reserve(self, size: int) -> None:
        """Count the file, all of which has arrived, before it appears. Raises OverQuota."""
        more = size - self._size()
        self._service.stored.reserve(self._user, self._owner, "files", more)
        self._reserved = more

    def put(self, chunks: Iterable[bytes]) -> int:
        """Store it; `reserve` is called on the way. Return its size."""
        try:
            return self._service.objects.put(self._key, chunks)
        except BaseException:
            if self._reserved:
                self._service.stored.add(self._owner, "files", -self._reserved)
            raise

    def delete(self) -> None:
        """Remove it."""
        size = self._size()
        self._service.objects.delete(self._key)
        self._service.stored.add(self._owner, "files", -size)

    def _size(self) -> int:
        try:
            return self._service.objects.stat(self._key).size
        except NotFound:
            return 0


def announced_size(request: Request) -> int:
    """How many bytes a request says that it sends; 0 if it doesn't say."""
    announced = request.headers.get("Content-Length", "")
    return int(announced) if announced.isascii() and announced.isdigit() else 0
