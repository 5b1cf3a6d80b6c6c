"""What a user's names refer to: `files:texts/` and `/v1/files/texts/` to the same folder, `s3://…` where it is allowed.

    texts/…          the user's own files
    @shared/…        everybody reads them; administrators write them
    @shared/NAME/…   the user of that name writes them, too
    @team/GROUP/…    the members of a group read and write them, and administrators

No name refers to anything else, but to what the operator allows.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from urllib.parse import unquote

from fanfold.planning.areas import Area, folder_of, minimal
from fanfold.planning.planner import PlannedJob
from fanfold_steps.inputs.listing import fixed_part
from fanfold_steps.job.spec import urls_of
from fanfold_storage.errors import InvalidKey
from fanfold_storage.objects import validate_key
from fanfold_storage.urls import join_url
from fanfold_submit.job_ids import LENGTH
from fanfold_submit.jobs.bundles import bundle_key
from fanfold_submit.jobs.job import Job
from fanfold_submit.principal import Principal
from fanfold_submit.refusals import InvalidPath, InvalidPlace, PlaceNotAllowed
from fanfold_submit.storing.accounts import FILES, SHARED, SHARED_FILES, TEAM, account_of
from fanfold_web.refusals import Forbidden
from fanfold_web.tokens.authorization import NAME_PATTERN

SCHEME = "files:"
JOBS = "jobs/"
UPLOAD = re.compile(r"files/[^/]+/uploads/[0-9a-f]{20}/")
"""How the keys of local files begin that `fanfold submit` has uploaded as a job's input."""

_AREA = re.compile(f"{SHARED}|{TEAM}/[^/]+")
_AT_ENDPOINT = re.compile(r" at https?://[^\s,;]+?(?=:?[\s,;]|$)")


@dataclass(frozen=True, slots=True)
class Places:
    """The areas of the store at `root` (a URL that ends with a slash), and the S3 places that jobs may use."""

    root: str
    s3_places: tuple[str, ...] = ()
    claim: Callable[[Principal], None] | None = None
    """Sees that a user's folder in the shared area is theirs, before they write to it."""

    def file_key(self, path: str, user: Principal, *, write: bool = False) -> str:
        """The key of a file in the store. Raises InvalidPath, Forbidden."""
        area, rest = self._area(path, user, write)
        return f"{area}{_valid(rest, path)}"

    def listing(self, prefix: str, user: Principal) -> tuple[str, str]:
        """The prefix of the keys of all paths with a prefix, and the part of it that is not in the paths.

        Raises InvalidPath.
        """
        area, rest = self._area(f"{prefix}/" if _AREA.fullmatch(prefix) else prefix, user, write=False)
        if rest.rstrip("/"):
            _valid(rest.removesuffix("/"), prefix)  # raises for an invalid path
        return area + rest, FILES if prefix.startswith("@") else area

    def url(self, place: str, user: Principal, *, write: bool = False) -> str:
        """The URL of a place in a job's request.

        Raises InvalidPlace, InvalidPath, PlaceNotAllowed, Forbidden.
        """
        if place.startswith("s3://"):
            return _folder(self._allowed(place)) if write else self._allowed(place)
        if not place.startswith(SCHEME):
            detail = f"{place!r} is not a place: write files:PATH for files in this service, or s3://BUCKET/PATH."
            raise InvalidPlace(detail)
        path = place.removeprefix(SCHEME)
        area, rest = self._area(_folder(path) if write else path, user, write)
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

    def areas(self, plan: PlannedJob, owner_id: str, team: str | None = None) -> tuple[Area, ...]:
        """What a job's code may reach: its owner's files, the shared ones, its tree, code, packages, places in S3.

        Those of a team only if the job is that team's.
        """
        conf = plan.conf
        areas = [
            Area(join_url(self.root, files_prefix(owner_id)), is_writable=True),
            Area(join_url(self.root, SHARED_FILES)),
            Area(plan.job_url, is_writable=True),
            Area(conf.output, is_writable=True),
        ]
        if team:
            areas.append(Area(join_url(self.root, team_prefix(team)), is_writable=True))
        if conf.bundle_url:
            areas.append(Area(conf.bundle_url))
        if conf.spec.dependencies:
            areas += (Area(self.bundle_url(wheel.sha256)) for wheel in conf.spec.dependencies.wheels)
        for url in conf.input_urls:
            if not url.startswith(self.root):
                areas += _input_areas(url)
        return minimal(areas)

    def confined(self, plan: PlannedJob, owner_id: str, team: str | None = None) -> PlannedJob:
        """The plan with what the job's code may reach."""
        return replace(plan, areas=self.areas(plan, owner_id, team))

    def may_serve(self, url: str, job_id: str, owner_id: str) -> bool:
        """Whether the service may read an output for those who see the job, though it hasn't chosen the place itself.

        Links below the store aren't followed, and `..` is no part of a key.
        """
        own = [tree_prefix(job_id), SHARED_FILES, *([files_prefix(owner_id)] if owner_id else [])]
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
            rf"/jobs/\w{{{LENGTH}}}/output(?!\w)": "the job's output",
            rf"/jobs/\w{{{LENGTH}}}": "the job's folder",
            re.escape(f"/{files_prefix(owner_id)}"): SCHEME,
            re.escape(f"/{SHARED_FILES}"): f"{SCHEME}{SHARED}/",
            re.escape(f"/{FILES}{TEAM}/"): f"{SCHEME}{TEAM}/",
            r"/bundles/": "bundle ",
            r"(?![\w-])": "the service's store",
        }
        for rest, word in words.items():
            text = re.sub(re.escape(root) + rest, word, text)
        return text

    def _area(self, path: str, user: Principal, write: bool) -> tuple[str, str]:
        """The key prefix of the area that a path is in, and the path within it. Raises InvalidPath, Forbidden."""
        first, slash, rest = path.partition("/")
        if not first.startswith("@"):
            return files_prefix(user.id), path
        if first == SHARED and slash:
            if write:
                self._demand_shared(rest, user)
            return SHARED_FILES, rest
        team, slash, rest = rest.partition("/")
        if first != TEAM or not slash or not re.fullmatch(NAME_PATTERN, team):
            raise InvalidPath(
                f"{path!r} is not a path: start it with {SHARED}/, with {TEAM}/GROUP/ or, for your own files, without "
                "an @."
            )
        demand_member(user, team)
        return team_prefix(team), rest

    def _demand_shared(self, rest: str, user: Principal) -> None:
        """See that the user may write to a path in the shared area. Raises Forbidden."""
        if user.is_admin:
            return
        folder, slash, _ = rest.partition("/")
        if folder != user.name or not slash:
            roles = ", ".join(user.roles) or "none"
            raise Forbidden(
                f"Writing to {SHARED}/ needs the role admin; {user.name!r} has: {roles}, and may write only to "
                f"{SHARED}/{user.name}/."
            )
        if self.claim:
            self.claim(user)

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


def demand_member(user: Principal, team: str) -> None:
    """See that a user may see what is a team's. Raises Forbidden."""
    if team not in user.teams and not user.is_admin:
        teams = ", ".join(user.teams) or "none"
        raise Forbidden(
            f"Jobs and files of the team {team!r} are for its members; {user.name!r} is in: {teams}. Ask an "
            "administrator to be added to the group."
        )


def team_of(place: str) -> str | None:
    """The team in whose area a place lies.

    >>> team_of("files:@team/choir/songs/"), team_of("files:songs/")
    ('choir', None)
    """
    area, _, rest = place.removeprefix(SCHEME).partition("/")
    return rest.partition("/")[0] if place.startswith(SCHEME) and area == TEAM else None


def shared_folder(place: str) -> str | None:
    """The folder of the shared area in which a place lies, which a user of that name may have.

    >>> shared_folder("files:@shared/ada/counts/"), shared_folder("files:@shared/"), shared_folder("files:ada/")
    ('ada', None, None)
    """
    area, _, rest = place.removeprefix(SCHEME).partition("/")
    return rest.partition("/")[0] or None if place.startswith(SCHEME) and area == SHARED else None


def shared_account(place: str) -> str | None:
    """In whose account files are counted that a job writes to a place; None for its owner's, and outside the service.

    >>> shared_account("files:@team/choir/counts/"), shared_account("files:counts/")
    ('@team/choir', None)
    """
    is_shared = place.startswith(f"{SCHEME}@")
    return account_of(FILES + _folder(place.removeprefix(SCHEME))) if is_shared else None


def files_prefix(owner_id: str) -> str:
    """How the keys of a user's files begin in the service's store."""
    return f"{FILES}{owner_id}/"


def team_prefix(team: str) -> str:
    """How the keys of a team's files begin in the service's store."""
    return f"{FILES}{TEAM}/{team}/"


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


def _valid(rest: str, name: str) -> str:
    try:
        return validate_key(rest)
    except InvalidKey as error:
        raise InvalidPath(f"{name!r} is not a valid path: {error}.") from None
