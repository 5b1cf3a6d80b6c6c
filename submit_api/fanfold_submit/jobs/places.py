"""What a user's names refer to: `files:texts/` and `/v1/files/texts/` to the same folder, `s3://…` where it is allowed.

No name refers to anything outside the user's own area, the shared one, and what the operator allows.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from urllib.parse import unquote

from fanfold.planning.areas import Area, folder_of, minimal
from fanfold.planning.planner import PlannedJob
from fanfold_steps.inputs.listing import fixed_part
from fanfold_steps.job.spec import urls_of
from fanfold_storage.errors import InvalidKey
from fanfold_storage.objects import validate_key
from fanfold_storage.urls import join_url
from fanfold_submit.jobs.bundles import bundle_key
from fanfold_submit.jobs.job import Job
from fanfold_submit.principal import Principal
from fanfold_submit.refusals import InvalidPath, InvalidPlace, PlaceNotAllowed

SHARED = "@shared"
SCHEME = "files:"
JOBS = "jobs/"
UPLOAD = re.compile(r"files/[^/]+/uploads/[0-9a-f]{20}/")
"""How the keys of local files begin that `fanfold submit` has uploaded as a job's input."""

_AT_ENDPOINT = re.compile(r" at https?://[^\s,;]+?(?=:?[\s,;]|$)")


@dataclass(frozen=True, slots=True)
class Places:
    """The areas of the store at `root` (a URL that ends with a slash), and the S3 places that jobs may use."""

    root: str
    s3_places: tuple[str, ...] = ()

    def file_key(self, path: str, user: Principal, *, write: bool = False) -> str:
        """The key of a file in the store. Raises InvalidPath, Forbidden."""
        area, rest = _area(path, user, write)
        return f"{area}{_valid(rest, path)}"

    def listing(self, prefix: str, user: Principal) -> tuple[str, str]:
        """The prefix of the keys of all paths with a prefix, and the part of it that is not in the paths.

        Raises InvalidPath.
        """
        area, rest = _area(f"{SHARED}/" if prefix == SHARED else prefix, user, write=False)
        if rest.rstrip("/"):
            _valid(rest.removesuffix("/"), prefix)  # raises for an invalid path
        own = area if not prefix.startswith(SHARED) else area.removesuffix(f"{SHARED}/")
        return area + rest, own

    def url(self, place: str, user: Principal, *, write: bool = False) -> str:
        """The URL of a place in a job's request.

        Raises InvalidPlace, InvalidPath, PlaceNotAllowed, Forbidden.
        """
        if place.startswith("s3://"):
            return _folder(self._allowed(place)) if write else self._allowed(place)
        if not place.startswith(SCHEME):
            detail = f"{place!r} is not a place: write files:PATH for files in this service, or s3://BUCKET/PATH."
            raise InvalidPlace(detail)
        area, rest = _area(place.removeprefix(SCHEME), user, write)
        if write or rest.removesuffix("/"):
            _valid(rest.removesuffix("/"), place)  # raises for an invalid path
        key = area + rest
        return join_url(self.root, _folder(key) if write else key)

    def job_url(self, job_id: str) -> str:
        """The URL of a job's tree."""
        return self.root + tree_prefix(job_id)

    def bundle_url(self, sha256: str) -> str:
        """The URL of a code bundle."""
        return self.root + bundle_key(sha256)

    def wheels_url(self) -> str:
        """The URL of the folder of wheels, each under its SHA-256 like a bundle."""
        return self.root + bundle_key("")

    def areas(self, plan: PlannedJob, owner_id: str) -> tuple[Area, ...]:
        """What a job's code may reach: its owner's files, the shared ones, its tree, code, packages, places in S3."""
        conf = plan.conf
        areas = [
            Area(join_url(self.root, files_prefix(owner_id)), is_writable=True),
            Area(join_url(self.root, f"files/{SHARED}/")),
            Area(plan.job_url, is_writable=True),
            Area(conf.output, is_writable=True),
        ]
        if conf.bundle_url:
            areas.append(Area(conf.bundle_url))
        if conf.spec.dependencies:
            areas += (Area(self.bundle_url(wheel.sha256)) for wheel in conf.spec.dependencies.wheels)
        for url in conf.input_urls:
            if not url.startswith(self.root):
                areas += _input_areas(url)
        return minimal(areas)

    def confined(self, plan: PlannedJob, owner_id: str) -> PlannedJob:
        """The plan with what the job's code may reach."""
        return replace(plan, areas=self.areas(plan, owner_id))

    def may_serve(self, url: str, job_id: str, owner_id: str) -> bool:
        """Whether the service may read an output for those who see the job, though it hasn't chosen the place itself.

        Links below the store aren't followed, and `..` is no part of a key.
        """
        own = [tree_prefix(job_id), f"files/{SHARED}/", *([files_prefix(owner_id)] if owner_id else [])]
        if url.startswith(self.root):
            place, prefixes = url, [join_url(self.root, prefix) for prefix in own]
        else:
            place, prefixes = url, list(self.s3_places)
        is_plain = url.startswith(("s3://", "file:///")) and not re.search(r"(^|/)\.\.?(/|$)|%2[eEfF]", url)
        return is_plain and any(place.startswith(prefix) for prefix in prefixes)

    def redact(self, text: str, owner_id: str) -> str:
        """Replace the store's URLs and paths, which users need not know, by names such as `files:texts/`."""
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
            re.escape(f"/{files_prefix(owner_id)}"): SCHEME,
            re.escape(f"/files/{SHARED}/"): f"{SCHEME}{SHARED}/",
            r"/bundles/": "bundle ",
            r"(?![\w-])": "the service's store",
        }
        for rest, word in words.items():
            text = re.sub(re.escape(root) + rest, word, text)
        return text

    def _allowed(self, place: str) -> str:
        _valid(place.removeprefix("s3://").removesuffix("/"), place)  # raises for an invalid path
        if not any(place.startswith(allowed) for allowed in self.s3_places):
            known = ", ".join(self.s3_places) or "none"
            detail = f"{place} is not among the S3 places that jobs may use here ({known}). Upload the data instead."
            raise PlaceNotAllowed(detail)
        if f"{place}/".startswith(self.root) or self.root.startswith(fixed_part(place)):
            raise PlaceNotAllowed(f"{place} belongs to the service itself. Write files:PATH.")
        return place


def _input_areas(url: str) -> list[Area]:
    """The areas of an input in S3: the object or folder that it names or, for a pattern, the folder of its matches."""
    fixed = fixed_part(url)
    return [Area(folder_of(fixed))] if fixed != url else [Area(url), Area(_folder(url))]


def files_prefix(owner_id: str) -> str:
    """How the keys of a user's files begin in the service's store."""
    return f"files/{owner_id}/"


def run_url(job_url: str, run: int) -> str:
    """The URL of the tree of a run that begins anew, by that of the job's first tree."""
    return f"{job_url}run-{run}/"


def workflows_prefix(job_id: str) -> str:
    """How the keys of a job's Workflows begin in the service's store."""
    return f"workflows/{job_id}/"


def tree_prefix(job_id: str) -> str:
    """How the keys of a job's tree begin in the service's store."""
    return f"{JOBS}{job_id}/"


def stored_names(urls: Iterable[str], root: str) -> Iterator[str]:
    """The keys of code among URLs in the store at `root`, and the folders of uploads that others lie in."""
    for url in urls:
        key = url.removeprefix(root)
        if upload := UPLOAD.match(key):
            yield upload[0]
        elif key.startswith(bundle_key("")):
            yield key


def stored_names_of(job: Job, root: str) -> Iterator[str]:
    """The keys of a job's code and packages in the store at `root`, and of the folders of uploads that it reads."""
    conf = job.conf
    yield from stored_names((*urls_of(conf["inputs"]), conf.get("bundle_url") or ""), root)
    for wheel in (conf.get("spec", {}).get("dependencies") or {}).get("wheels", ()):
        yield bundle_key(wheel["sha256"])


def _folder(name: str) -> str:
    """The name with a slash at the end, as outputs have it."""
    return name if name.endswith("/") else f"{name}/"


def _area(path: str, user: Principal, write: bool) -> tuple[str, str]:
    """The key prefix of the area that a path is in, and the path within it. Raises InvalidPath, Forbidden."""
    first, slash, rest = path.partition("/")
    if not first.startswith("@"):
        return files_prefix(user.id), path
    if first != SHARED or not slash:
        detail = f"{path!r} is not a path: start it with {SHARED}/ or, for your own files, without an @."
        raise InvalidPath(detail)
    if write:
        user.demand("admin", f"Writing to {SHARED}/")
    return f"files/{SHARED}/", rest


def _valid(rest: str, name: str) -> str:
    try:
        return validate_key(rest)
    except InvalidKey as error:
        raise InvalidPath(f"{name!r} is not a valid path: {error}.") from None
