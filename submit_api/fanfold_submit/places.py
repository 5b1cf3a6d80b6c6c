"""Where a user's names lead: `files:texts/` and `/v1/files/texts/` to the same folder, `s3://…` where that is allowed.

Nothing here ever leads outside the caller's own area, the shared one, and what the operator allows.
"""

import re
from dataclasses import dataclass
from urllib.parse import unquote

from fanfold_steps.listing import fixed_part
from fanfold_storage.errors import InvalidKey
from fanfold_storage.objects import validate_key
from fanfold_storage.urls import join_url
from fanfold_submit.access import Caller, demand_admin
from fanfold_submit.kinds import INVALID_PATH, INVALID_PLACE, PLACE_NOT_ALLOWED
from fanfold_submit.problems import Problem

SHARED = "@shared"
SCHEME = "files:"
_AT_ENDPOINT = re.compile(r" at https?://[^\s,;]+?(?=:?[\s,;]|$)")


@dataclass(frozen=True, slots=True)
class Places:
    """The areas of the store at `root` (a URL that ends with a slash), and the S3 places that jobs may use."""

    root: str
    s3_places: tuple[str, ...] = ()

    def file_key(self, path: str, caller: Caller, *, write: bool = False) -> str:
        """The key of a file in the store. Raises Problem (400, 403)."""
        area, rest = _area(path, caller, write)
        return f"{area}{_valid(rest, path)}"

    def listing(self, prefix: str, caller: Caller) -> tuple[str, str]:
        """What listed keys begin with, and the part of that which is not the user's, for a prefix of paths."""
        area, rest = _area(f"{SHARED}/" if prefix == SHARED else prefix, caller, write=False)
        if rest.rstrip("/"):
            _valid(rest.removesuffix("/"), prefix)
        own = area if not prefix.startswith(SHARED) else area.removesuffix(f"{SHARED}/")
        return area + rest, own

    def url(self, place: str, caller: Caller, *, write: bool = False) -> str:
        """The URL that a place in a job's request stands for. Raises Problem."""
        if place.startswith("s3://"):
            return _folder(self._allowed(place)) if write else self._allowed(place)
        if not place.startswith(SCHEME):
            detail = f"{place!r} is no place: write files:PATH for files in this service, or s3://BUCKET/PATH."
            raise Problem(INVALID_PLACE, detail)
        area, rest = _area(place.removeprefix(SCHEME), caller, write)
        if write or rest.removesuffix("/"):
            _valid(rest.removesuffix("/"), place)
        key = area + rest
        return join_url(self.root, _folder(key) if write else key)

    def job_url(self, job_id: str) -> str:
        """The URL of a job's tree."""
        return f"{self.root}jobs/{job_id}/"

    def bundle_url(self, sha256: str) -> str:
        """The URL of a code bundle."""
        return self.root + bundle_key(sha256)

    def told(self, text: str, owner: str) -> str:
        """A text in its owner's words, such as `files:texts/`: where the store lies is nobody's business."""
        root = self.root.rstrip("/")
        if root.startswith("file://"):
            quoted = re.compile(re.escape(root) + r"[\w.~/%-]*", re.ASCII)
            text = quoted.sub(lambda url: unquote(url[0].removeprefix("file://")), text)
            root = unquote(root.removeprefix("file://"))
        else:
            text = _AT_ENDPOINT.sub("", text)
        words = {
            r"/jobs/\w{20}/output(?!\w)": "the job's output",
            r"/jobs/\w{20}": "the job's folder",
            re.escape(f"/files/{owner}/"): SCHEME,
            re.escape(f"/files/{SHARED}/"): f"{SCHEME}{SHARED}/",
            r"/bundles/": "bundle ",
            r"(?![\w-])": "the service's store",
        }
        for rest, word in words.items():
            text = re.sub(re.escape(root) + rest, word, text)
        return text

    def _allowed(self, place: str) -> str:
        _valid(place.removeprefix("s3://").removesuffix("/"), place)
        if not any(place.startswith(allowed) for allowed in self.s3_places):
            known = ", ".join(self.s3_places) or "none"
            detail = f"{place} is not among the S3 places that jobs may use here ({known}). Upload the data instead."
            raise Problem(PLACE_NOT_ALLOWED, detail)
        if f"{place}/".startswith(self.root) or self.root.startswith(fixed_part(place)):
            raise Problem(PLACE_NOT_ALLOWED, f"{place} belongs to the service itself: write files:PATH.")
        return place


def bundle_key(sha256: str) -> str:
    """The key of a code bundle in the store."""
    return f"bundles/{sha256}"


def _folder(name: str) -> str:
    """With a slash at the end, as an output's name has it."""
    return name if name.endswith("/") else f"{name}/"


def _area(path: str, caller: Caller, write: bool) -> tuple[str, str]:
    """The key prefix of the area a path is in, and the path there."""
    first, slash, rest = path.partition("/")
    if not first.startswith("@"):
        return f"files/{caller.name}/", path
    if first != SHARED or not slash:
        detail = f"{path!r} is in no area: paths begin with {SHARED}/ or, for your own files, without an @."
        raise Problem(INVALID_PATH, detail)
    if write:
        demand_admin(caller, f"Writing to {SHARED}/")
    return f"files/{SHARED}/", rest


def _valid(rest: str, given: str) -> str:
    try:
        return validate_key(rest)
    except InvalidKey as error:
        raise Problem(INVALID_PATH, f"{given!r} is not a valid path: {error}.") from None
