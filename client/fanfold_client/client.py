"""`Client`: everything that the command does with the services, for use in Python.

    import fanfold

    with fanfold.Client() as client:                        # the login that `fanfold login` stored
        result = client.submit(job, "texts/")
        result.frame()

Errors are those of `fanfold_client.api.problems`, and for a job that failed `fanfold.JobFailed`. Threads may share a
client.
"""

import os
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

from fanfold_client.api.accounts import ApiTokens, Applications, Delegations, Groups, LoginSessions
from fanfold_client.api.collections import Bundles, Files, Jobs, Keys, Quarantine, Users
from fanfold_client.api.credentials import InMemory, log_in
from fanfold_client.api.owners import Owners, Removed
from fanfold_client.api.problems import NotFound
from fanfold_client.api.profiles import Profile, load_profile, profile_name
from fanfold_client.api.responses import About, File, Job, Me, Part
from fanfold_client.api.schedules import Schedules
from fanfold_client.api.session import Session, store_login, stored_access
from fanfold_client.api.transport import Credentials, Transport
from fanfold_client.api.watching import Logs, Tasks
from fanfold_client.api.webhooks import Webhooks

if TYPE_CHECKING:
    from typing import Unpack

    from fanfold import Job as AuthoredJob
    from fanfold.foreground.places import Input
    from fanfold_client.jobs.options import SubmitOptions
    from fanfold_client.jobs.submitted import SubmittedResult


class Fetched(NamedTuple):
    """What was fetched, and where it is now."""

    files: Sequence[File]
    local: Path


class Client:
    """Fanfold's services, as one user sees them.

    Attributes:
        files: the user's files, and shared ones: put, read, list, find, remove.
        jobs: submit a request, get, list, follow, cancel, retry, delete, results.
        tasks: the tasks of a job, and what bounds it: list, explain.
        logs: what a job printed, and what happened to its tasks: read.
        quarantine: bad records that jobs have skipped.
        bundles: code that jobs run.
        schedules: jobs that are submitted when it is time: add, list, get, pause, resume, run, remove.
        webhooks: which URLs may be notified when a job has ended, and the secret that signs messages.
        users: accounts, for administrators.
        groups: who works together, for administrators: list, members, add, remove.
        tokens: API tokens, with which scripts act for you: create, list, revoke.
        sessions: where you are logged in: list, end, end_all.
        clients: applications at which people log in through the auth service, for administrators: add, list, remove.
        delegations: what services may do for the user when nobody is logged in: list, end.
        keys: the keys that sign tokens, for administrators.
        owners: what belongs to the ids of users, for administrators: clear.
    """

    # What the auth service keeps. The submit service may have to be asked where that is, so not before it is needed.
    users = cached_property(lambda self: Users(self._auth))
    groups = cached_property(lambda self: Groups(self._auth))
    tokens = cached_property(lambda self: ApiTokens(self._auth))
    sessions = cached_property(lambda self: LoginSessions(self._auth))
    clients = cached_property(lambda self: Applications(self._auth))
    delegations = cached_property(lambda self: Delegations(self._auth))
    keys = cached_property(lambda self: Keys(self._auth))

    def __init__(
        self,
        url: str | None = None,
        credentials: Credentials | None = None,
        *,
        auth_url: str | None = None,
        profile: str | None = None,
    ) -> None:
        """A client for the login that `fanfold login` stored, or for other services.

        Args:
            url: the submit service; by default that of the stored login (or FANFOLD_URL, with FANFOLD_TOKEN).
            credentials: where tokens come from, for a `url`; without any, only what needs no login works.
            auth_url: the auth service; by default the one that the submit service names.
            profile: the name of the stored login; by default FANFOLD_PROFILE, then `default`.

        Raises:
            NotAllowed: there is no stored login.
            Refused: the profile's name or the file is invalid.
        """
        if url is None:
            stored = stored_access(profile)
            url, credentials, auth_url = stored.url, stored.credentials, auth_url or stored.auth_url
        self._submit = Transport(url, credentials)
        self._credentials = credentials
        self._auth_url = auth_url
        self.files = Files(self._submit)
        self.bundles = Bundles(self._submit)
        self.jobs = Jobs(self._submit)
        self.tasks = Tasks(self._submit)
        self.logs = Logs(self._submit)
        self.quarantine = Quarantine(self._submit)
        self.schedules = Schedules(self._submit)
        self.webhooks = Webhooks(self._submit)
        self.owners = Owners(self._submit)

    @classmethod
    def login(cls, url: str, name: str, password: str, *, profile: str | None = None) -> "Client":
        """A client for a new login.

        Args:
            url: the submit service.
            name: the user's name.
            password: theirs.
            profile: store the login under this name, as `fanfold login` does. By default the tokens stay in memory.

        Raises:
            NotAllowed: name and password don't match.
        """
        with cls(url) as anonymous:
            auth_url = anonymous.auth_url
        if profile is None:
            return cls(url, InMemory(auth_url, log_in(auth_url, name, password)), auth_url=auth_url)
        access = store_login(Profile(profile_name(profile), url.rstrip("/"), auth_url.rstrip("/"), name), password)
        return cls(access.url, access.credentials, auth_url=access.auth_url)

    @staticmethod
    def logout(profile: str | None = None) -> Profile:
        """End a stored login, and return its profile. Raises NotAllowed: there is none."""
        known = load_profile(profile)
        Session(known).end()
        return known

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._submit.close()
        if "_auth" in self.__dict__:
            self._auth.close()

    @property
    def url(self) -> str:
        """The URL of the submit service."""
        return self._submit.url

    @cached_property
    def auth_url(self) -> str:
        """The URL of the auth service."""
        return self._auth_url or self.about()["auth_url"]

    def about(self) -> About:
        """What the submit service says about itself, without a login."""
        try:
            return cast(About, self._submit.json("GET", "/v1/about"))
        except NotFound as error:
            raise NotFound(f'{self.url} is not a submit service: use the URL shown as "jobs and files"') from error

    def me(self) -> Me:
        """The user to whom the token belongs."""
        return cast(Me, self._submit.json("GET", "/v1/me"))

    def submit(
        self,
        job: "AuthoredJob | str",
        input: "Input",
        output: str | None = None,
        *,
        quiet: bool = False,
        **options: "Unpack[SubmitOptions]",
    ) -> "SubmittedResult":
        """Submit a job, and return its result, which waits for the job's end when it is read.

        Args:
            job: a `Job`, whose code is uploaded; or the name of a built-in job, or of a Python file, as for
                `fanfold submit`.
            input: a place, a list of places, or a dict of them by the job's named inputs. Places are `files:…`,
                `s3://…` if the service allows it, or files and folders on this machine, which are uploaded.
            output: a folder, `files:…` or `s3://…`; by default results are kept with the job.
            quiet: show no progress.
            options: those of `fanfold submit`: `name`, `partitions`, `workers`, `split_size="16MiB"`, `memory="2GiB"`,
                `params={"least": 3}`, `include=["stop.txt"]`, `requirements`, `image`, `overwrite=True`,
                `notify`, a URL to notify when the job has ended, `priority`, for administrators, `team`, a group of
                yours whose members also see the job, and `key`, the idempotency key.

        Raises:
            InvalidJob: the job can't run as written.
            Refused: it can't run as asked.
            ClientError: the service doesn't allow it, or doesn't respond.
        """
        from fanfold_client.jobs.submitted import submit  # loads what plans jobs

        return submit(self, job, input, output, options, quiet=quiet)

    def result(self, job_id: str, job: "AuthoredJob | None" = None, *, quiet: bool = False) -> "SubmittedResult":
        """The result of a job that was submitted before, in whatever way.

        Args:
            job_id: its id.
            job: the job, whose formats its output is read by. By default these follow from the names of the parts, with
                their defaults: commas in CSV, text in UTF-8.
            quiet: show no progress.

        Raises:
            NotFound: there is no such job.
        """
        from fanfold.results.reading import OutputFormats
        from fanfold_client.jobs.remote_output import RemoteOutput
        from fanfold_client.jobs.submitted import SubmittedResult

        formats = OutputFormats(job.output, job.outputs) if job else None
        return SubmittedResult(RemoteOutput(self, self.jobs.get(job_id), formats, quiet=quiet))

    def retry(
        self,
        job_id: str,
        code: "AuthoredJob | str | None" = None,
        *,
        anew: bool = False,
        include: Sequence[str] = (),
        requirements: str | os.PathLike[str] | None = None,
    ) -> Job:
        """Retry a job that failed or was cancelled: it keeps its id, and goes on from the tasks that are done.

        Args:
            job_id: the job.
            code: other code, as a `Job`, a Python file or the name of a built-in job. Tasks that are done only count
                for it if both have the same `task_version`; `resumed` in the result says whether they do.
            anew: discard what is done.
            include: files and folders beside the other code's file, which travel along.
            requirements: a file with the packages of the other code.

        Raises:
            Conflict: the job hasn't failed, or something else lies in its output.
        """
        from fanfold_client.jobs.retrying import retry_job
        from fanfold_client.jobs.submitting import resolve_for

        compiled = None if code is None else resolve_for(self, code, include, requirements)
        return retry_job(self, job_id, compiled, anew=anew)

    def wait(self, job_id: str, *, quiet: bool = False) -> Job:
        """Show a job's progress until its state is final, and return it as it is then, failed or not."""
        from fanfold.terminal.display import Display
        from fanfold_client.jobs.following import follow

        with Display(quiet=quiet) as display:
            return follow(self.jobs, job_id, display)

    def put(self, local: str | os.PathLike[str], remote: str, *, quiet: bool = False) -> list[File]:
        """Upload a file, or all files of a folder, and replace those of the same path.

        Args:
            local: a file or folder on this machine.
            remote: a path in the service, `files:texts/`; into this folder if it ends with `/`.
            quiet: show no progress.

        Raises:
            Refused: there is nothing to upload, or a name doesn't do.
        """
        from fanfold.terminal.display import Display
        from fanfold_client.files.places import remote_path
        from fanfold_client.files.transfer import local_files, upload

        with Display(quiet=quiet) as display:
            return upload(self.files, local_files(Path(local), remote_path(remote)), display)

    def get(self, remote: str, local: str | os.PathLike[str], *, quiet: bool = False) -> Fetched:
        """Download a file to `local` (into it, if it is a folder), or all files of a folder below it.

        Raises:
            NotFound: there is no such file or folder.
        """
        from fanfold.terminal.display import Display
        from fanfold_client.files.places import remote_path
        from fanfold_client.files.transfer import fetch_to

        with Display(quiet=quiet) as display:
            return Fetched(*fetch_to(self.files, remote_path(remote), Path(local), display))

    def fetch(
        self, job_id: str, folder: str | os.PathLike[str], name: str | None = None, *, quiet: bool = False
    ) -> Sequence[Part]:
        """Fetch a job's parts into a new folder, which appears complete or not at all, and return them.

        Args:
            job_id: the job.
            folder: must not exist, or be empty.
            name: a named output of the job.
            quiet: show no progress.

        Raises:
            Conflict: the folder isn't empty, or the job has no results.
            Corrupt: a part differs from what the job wrote.
        """
        from fanfold.terminal.display import Display
        from fanfold_client.files.results import fetch_results

        parts = self.jobs.parts(job_id, name)
        with Display(quiet=quiet) as display:
            fetch_results(parts, self.jobs.read(job_id, name), Path(folder), display)
        return parts

    def fetch_quarantine(self, job_id: str, folder: str | os.PathLike[str]) -> Sequence[Path]:
        """Fetch a job's bad records into a new folder, which appears complete or not at all, and return its files.

        `part-00000.jsonl` says what was wrong. `records` has them as they were, to be read again by a job with the
        same input format; those of a named input are in `records-NAME`. Without bad records, there is no folder.

        Raises:
            Conflict: the folder isn't empty.
        """
        from fanfold_client.files.quarantine import fetch_quarantine

        return fetch_quarantine(self.quarantine, self.jobs.get(job_id), Path(folder))

    def read(self, job_id: str, name: str | None = None) -> Iterator[bytes]:
        """The bytes of a job's parts in order; each is compared with its checksum. Raises Conflict, Corrupt."""
        from fanfold_client.files.results import verified

        for _, chunk in verified(self.jobs.parts(job_id, name), self.jobs.read(job_id, name)):
            yield chunk

    def change_password(self, password: str, current: str) -> None:
        """Change your own password. Your other logins end, and this one goes on.

        Raises:
            NotAllowed: the current password is wrong, or nobody has logged in here.
            Refused: the new one is too weak.
        """
        name = self.me()["name"]
        self.users.set_password(name, password, current)
        if isinstance(self._credentials, Session | InMemory):
            self._credentials.save(log_in(self.auth_url, name, password))

    def remove_user(self, name: str, *, everything: bool = False) -> Removed | None:
        """Remove an account; with `everything` also the user's files and jobs. Interrupted, it may be repeated.

        Returns how much was removed besides; None: all is kept, in the service under the account's id.

        Raises:
            NotFound: there is no such user.
            NotAllowed: you aren't an administrator.
        """
        removed: Removed | None = None
        if everything:
            account = self.users.disable(name)  # first, so that nothing is added meanwhile
            removed = self.owners.clear(account["id"])
        self.users.remove(name)
        return removed

    @cached_property
    def _auth(self) -> Transport:
        return Transport(self.auth_url, self._credentials)
